"""Stored results of imports."""
