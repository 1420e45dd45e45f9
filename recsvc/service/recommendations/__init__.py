"""Use cases of recommendations: the served model, lists and explanations."""
