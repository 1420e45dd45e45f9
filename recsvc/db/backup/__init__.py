"""Copies of a whole database: a file of SQLite, a file for each table of PostgreSQL."""
