"""Poster sources: one module per site, pure functions over pages and API responses."""
