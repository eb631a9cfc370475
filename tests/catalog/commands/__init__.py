"""Tests of the commands: what they say on a terminal, and what they leave in the database."""
