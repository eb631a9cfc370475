"""Django admin: the review queue, the catalogue, runs and models."""
