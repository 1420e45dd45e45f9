"""Backups: a folder with a copy of the database, the shelf's objects and a manifest."""
