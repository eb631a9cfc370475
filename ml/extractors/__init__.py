"""Extractors: registry, weights, export to LiteRT, and the embedding runtime."""
