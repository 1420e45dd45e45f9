"""Stored sweeps."""
