"""Embedding posters: configured extractors, vectors, index files, deletion."""
