"""Use cases of model versions: publishing, evaluation and comparison."""
