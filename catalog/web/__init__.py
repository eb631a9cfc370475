"""Public pages and the JSON API.

Others may use `views.errors.error_response`, `views.status` and `http_methods`.
"""
