"""Nearest neighbours, hub correction, diversity, near-duplicates."""
