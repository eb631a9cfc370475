"""Consistency of the database and the stored files."""
