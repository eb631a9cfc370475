"""Untrusted CSV files, streamed in constant memory: plain, gzipped or in a zip, in all common encodings.

Other packages may use `rows`, `files` and `encoding`.
"""
