"""Search for movies: one service for pages, the API and the admin.

`find` returns the movies that match a query. Call `index` after statements that change movies without
`Movie.save`. `outdated` and `prepare` check and rebuild the index.
"""

from ._finding import Found, find
from ._indexing import INDEXED_FIELDS, index, outdated, prepare

__all__ = ["INDEXED_FIELDS", "Found", "find", "index", "outdated", "prepare"]
