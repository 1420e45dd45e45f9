"""Routes of diagnosis."""
