"""Inference: fold-in, scores, top-n lists and explanations."""
