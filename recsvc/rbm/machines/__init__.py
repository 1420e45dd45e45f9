"""Kinds of machine: their functions, couplings and baselines."""
