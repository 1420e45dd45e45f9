"""Processes that the command line starts."""
