"""The model: arrays in, arrays out. No clock, disk or log; randomness comes from a seed.

ratings → params → kernels → units → training → inference → evaluation → checkpoint
"""
