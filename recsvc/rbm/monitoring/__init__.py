"""Metrics computed after an epoch."""
