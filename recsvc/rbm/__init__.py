"""The model: arrays in, arrays out. No clock, no disk, no log; chance is a seed.

ratings → params → kernels → units → training → inference → evaluation → checkpoint
"""
