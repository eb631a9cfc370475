"""Genres: suggestions, review, training and promotion of models, explanations."""
