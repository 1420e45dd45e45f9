"""Tuning: search spaces, median pruning, sensitivity and autopilot."""
