"""Routes of model versions."""
