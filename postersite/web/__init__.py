"""The web server: gunicorn's processes, Tornado's connections, Django in threads."""
