"""Parsers of command-line arguments."""
