"""Stored metrics of training jobs."""
