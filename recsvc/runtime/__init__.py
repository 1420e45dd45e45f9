"""Logs and the end of a process, for every process of the service."""
