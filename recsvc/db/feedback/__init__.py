"""Stored ratings and interactions."""
