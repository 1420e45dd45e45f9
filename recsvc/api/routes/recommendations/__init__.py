"""Routes of recommendations and predictions."""
