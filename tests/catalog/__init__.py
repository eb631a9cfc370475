"""Tests of the catalogue app, a folder a part."""
