"""Public pages and the JSON API.

Others may use `views.errors.error_response` (the web server) and `http_methods` (settings).
"""
