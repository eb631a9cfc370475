"""Consistency of the database and the stored files.

consistency finds and repairs inconsistencies; checking does so as a run.
"""
