"""Routes of ratings and interactions."""
