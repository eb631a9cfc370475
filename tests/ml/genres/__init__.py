"""Tests of ml.genres, one file a behaviour."""
