"""Nearest neighbours, hub correction, diversity, near-duplicates, and metrics of look-alikes."""
