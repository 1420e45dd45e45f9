"""Reads of a user's history for recommendations."""
