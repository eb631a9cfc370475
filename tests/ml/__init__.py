"""Tests of the plain Python library that knows images, vectors and genres."""
