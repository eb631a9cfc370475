"""Signing in: throttling of attempts, how long a session lasts, and which passwords are taken."""
