"""Use cases of tuning: sweeps."""
