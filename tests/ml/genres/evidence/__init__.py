"""Tests of genre models over several parts."""
