"""Routes of import jobs."""
