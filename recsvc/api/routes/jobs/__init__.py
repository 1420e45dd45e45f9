"""Routes of jobs of every kind."""
