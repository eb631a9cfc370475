"""Search among vectors: neighbours, hub correction, diversity, near-duplicates, metrics of look-alikes.

Other packages may use all modules.
"""
