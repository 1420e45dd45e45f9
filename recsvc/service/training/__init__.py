"""Use cases of training jobs."""
