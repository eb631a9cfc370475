"""Images: decoding untrusted files, hashes, registration of two pictures, heat maps, a figure of neighbours.

Other packages may use `images`, `registration`, `heat_maps` and `comparison_figure`.
"""
