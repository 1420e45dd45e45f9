"""Logging and process lifetime, for all processes of the service."""
