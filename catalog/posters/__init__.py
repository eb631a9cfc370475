"""Fetching posters: sources, lookup, fetch, refresh, storage, and which poster a movie shows."""
