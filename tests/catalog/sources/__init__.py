"""Tests of where titles and posters come from."""
