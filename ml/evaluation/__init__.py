"""Evaluation: what an extractor and a genre model are worth on any labelled set of posters."""
