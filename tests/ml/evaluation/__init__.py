"""Tests of what measures extractors and genre models."""
