"""Kinds of machine: what each predicts, and the models fitted beside it."""
