"""The public pages and the JSON API, through Django's test client."""
