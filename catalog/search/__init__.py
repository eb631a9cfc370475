"""Search for movies by title, year or id, used by pages, the API and the admin.

`find` returns the movies that match a query. Call `index` after changing movies without `Movie.save`.
`outdated` and `prepare` check and build the index; `has_trigrams` tells whether it makes searches faster.
"""

from ._finding import SearchResult, find
from ._indexing import INDEXED_FIELDS, has_trigrams, index, outdated, prepare

__all__ = ["INDEXED_FIELDS", "SearchResult", "find", "has_trigrams", "index", "outdated", "prepare"]
