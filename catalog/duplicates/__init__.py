"""Duplicate movies: search, groups, decisions, merging."""
