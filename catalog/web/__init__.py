"""Public pages and the JSON API."""
