"""Look-alikes: nearest neighbours of a poster, and comparison of extractors."""
