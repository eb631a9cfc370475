"""Signing in: throttling of attempts, session lifetime, and password rules."""
