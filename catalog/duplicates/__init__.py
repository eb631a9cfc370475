"""Duplicates: movies that may be the same film.

Others may use `groups` (open groups, movies with the same picture), `search` (find duplicates), `decisions`
(merge, keep apart, remove a poster), `merging` (of movies) and `import_matches` (movies that one row of an
import names).
"""
