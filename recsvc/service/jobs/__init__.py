"""Use cases of jobs of every kind."""
