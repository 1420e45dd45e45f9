"""Benchmarks: each module prints one table, ours beside the peers, from one run."""
