"""Diagnosis rules, by topic."""
