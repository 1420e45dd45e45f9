"""Use cases of the catalogue: items and users."""
