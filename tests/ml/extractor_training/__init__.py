"""Tests of the training of the extractor."""
