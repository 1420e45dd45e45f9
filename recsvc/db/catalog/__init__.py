"""Stored users and items."""
