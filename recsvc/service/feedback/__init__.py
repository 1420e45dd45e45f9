"""Use cases of feedback: ratings and interactions."""
