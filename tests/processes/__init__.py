"""Tests that start the real site with real processes."""
