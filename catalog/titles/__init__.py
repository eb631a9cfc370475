"""Importing titles: file formats, matching, storing, undo, reports."""
