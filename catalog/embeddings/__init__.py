"""Embeddings of posters.

Others may use `extractors` (which are configured, loading one), `embedding` (embed posters), `index_files`
(the indexes of look-alikes) and `deletion` (of an extractor).
"""
