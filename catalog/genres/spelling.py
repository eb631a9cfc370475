"""One spelling for each genre, however a source writes it."""

import re
from functools import lru_cache

LONGEST_NAME = 60

_NO_GENRE = frozenset({"", "no genres listed", "n/a", "na", "none", "nan", "null", "-", "unknown"})

# Keys are what _folded() makes of a spelling: lower case, letters and digits only.
_CANONICAL = {
    "action": "Action",
    "adult": "Adult",
    "adventure": "Adventure",
    "animated": "Animation",
    "animation": "Animation",
    "anime": "Anime",
    "biography": "Biography",
    "biopic": "Biography",
    "child": "Children",
    "children": "Children",
    "childrens": "Children",
    "comedy": "Comedy",
    "crime": "Crime",
    "documentary": "Documentary",
    "drama": "Drama",
    "family": "Family",
    "fantasy": "Fantasy",
    "filmnoir": "Film-Noir",
    "foreign": "Foreign",
    "gameshow": "Game-Show",
    "historical": "History",
    "history": "History",
    "horror": "Horror",
    "imax": "IMAX",
    "music": "Music",
    "musical": "Musical",
    "mystery": "Mystery",
    "news": "News",
    "noir": "Film-Noir",
    "realitytv": "Reality-TV",
    "romance": "Romance",
    "romantic": "Romance",
    "scifi": "Sci-Fi",
    "sciencefiction": "Sci-Fi",
    "sf": "Sci-Fi",
    "short": "Short",
    "sport": "Sport",
    "sports": "Sport",
    "talkshow": "Talk-Show",
    "thriller": "Thriller",
    "tvmovie": "TV Movie",
    "war": "War",
    "western": "Western",
}


def canonical_genre(text: str) -> str | None:
    """The one spelling of a genre, or None when `text` says that there is none.

    Spaces (non-breaking ones too), case, hyphens and apostrophes do not matter for the genres of MovieLens,
    TMDB and IMDb. Genres that one of them keeps apart stay apart: Music and Musical, Children and Family.
    A name of nobody's list (another catalogue's category) keeps its words; one written all in lower or all
    in upper case is capitalised, so that "boots" and "BOOTS" are one.

    Raises ValueError for a name over LONGEST_NAME characters or with control characters.
    """
    name = " ".join(text.split())
    if name.casefold().strip("()") in _NO_GENRE:
        return None
    if len(name) > LONGEST_NAME:
        raise ValueError(f"a genre name has {len(name)} characters; {LONGEST_NAME} is the most")
    if not name.isprintable():
        raise ValueError(f"a genre name holds control characters: {name!r}")
    return _spelt(name)


# A file of a million titles has some twenty genres.
@lru_cache(maxsize=1_000)
def _spelt(name: str) -> str:
    known = _CANONICAL.get(_folded(name))
    if known:
        return known
    if name == name.lower() or (name == name.upper() and len(name) > 3):
        return re.sub(r"(?<![^\s/&-])\w", _capital, "".join(map(_small, name)))
    return name


def _small(letter: str) -> str:
    return letter.lower() if len(letter.lower()) == 1 else letter


def _capital(first: re.Match[str]) -> str:
    # "ß" would become the two letters "SS", a name that is read as another one the next time.
    capital = first[0].upper()
    return capital if len(capital) == 1 else first[0]


def _folded(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())
