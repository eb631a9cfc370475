"""Embeddings of posters.

Others may use `extractors` (which are configured, loading one), `embedding` (embed posters), `index_files`
(the indexes of look-alikes), `vector_index` (the same in PostgreSQL with pgvector) and `deletion` (of an
extractor).
"""
