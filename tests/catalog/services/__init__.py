"""Tests of the verbs: what each service does to the rows, and what it says when it cannot."""
