"""Posters with known genres: a CSV and a folder of images, both untrusted.

Other packages may use `listing` (the CSV), `pictures` (hashes and greyscale) and `array_cache` (arrays
computed from posters, cached on disk).
"""
