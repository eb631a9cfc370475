"""Hostile inputs by kind, each with what must become of it; benchmarks.hostile_inputs tries them."""
