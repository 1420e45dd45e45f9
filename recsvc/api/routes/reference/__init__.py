"""Reference pages: problems and findings."""
