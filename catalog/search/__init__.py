"""Search for movies: one service for pages, the API and the admin.

Others may call `find` (the movies that a query means), `index` (after statements that change movies without
`Movie.save`), `outdated` and `prepare` (check and rebuild).
"""

from .finding import Found, find
from .indexing import INDEXED_FIELDS, index, outdated, prepare

__all__ = ["INDEXED_FIELDS", "Found", "find", "index", "outdated", "prepare"]
