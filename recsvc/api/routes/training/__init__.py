"""Routes of training jobs."""
