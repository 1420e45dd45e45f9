"""The job queue and its events."""
