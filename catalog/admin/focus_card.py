"""The card of one movie in focus mode: suggestions, the next genres, and the genres of similar movies."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field

from catalog.embeddings.index_files import IndexNotReady
from catalog.external_ids import external_url
from catalog.genres import review, suggestions
from catalog.models import Genre, GenreModel, Movie, ReviewFlag, Suggestion
from catalog.similarity.search import LookAlike, extractors_in_use, lookalikes
from catalog.templatetags.wording import score_text
from catalog.web.brief_cache import briefly
from ml.genres.head_file import ModelFileError

log = logging.getLogger(__name__)

# Letters that do nothing else in focus mode.
NEXT_KEYS = "qwtyp"
SIMILAR = 10
GENRES_IN_SENTENCE = 3


@dataclass
class Option:
    """A genre that can be ticked. key: what toggles it on the keyboard, or "". score: as text, or ""."""

    genre: Genre
    key: str = ""
    ticked: bool = False
    score: str = ""
    suggestion: Suggestion | None = None


@dataclass
class FocusCard:
    """What the card shows.

    flag: the open flag, if the movie is put aside. suggested: pending suggestions. held: genres that the
    movie has. following: the genres with the highest scores below their thresholds. others: all other
    genres. rejected: genres that were rejected for the movie; they are among the others too. similar: the
    movies with the nearest posters.
    """

    movie: Movie
    flag: ReviewFlag | None = None
    suggested: list[Option] = field(default_factory=list)
    held: list[Option] = field(default_factory=list)
    following: list[Option] = field(default_factory=list)
    others: list[Option] = field(default_factory=list)
    rejected: list[Genre] = field(default_factory=list)
    similar: list[LookAlike] = field(default_factory=list)

    @property
    def verb(self) -> str:
        """What the button does at first; the script changes it with the ticks."""
        ticked = sum(option.ticked for option in self.suggested)
        counts = (("accept", ticked), ("reject", len(self.suggested) - ticked))
        return ", ".join(f"{verb} {count}" for verb, count in counts if count).capitalize() or "Accept"

    @property
    def links(self) -> list[tuple[str, str]]:
        """The movie's pages at IMDb and TMDB, as names and addresses."""
        found = [
            ("IMDb", external_url("imdb", self.movie.imdb_id)),
            ("TMDB", external_url("tmdb", self.movie.tmdb_id)),
        ]
        return [(name, address) for name, address in found if address]

    @property
    def similar_genres(self) -> str:
        """For example "9 of 10 are Western, 3 Drama"; empty if no two similar movies have a genre in common.

        Says so if some of them have no genres: "7 of the 7 with genres are Western".
        """
        tagged = [
            names for each in self.similar if (names := [genre.name for genre in each.movie.genres.all()])
        ]
        counted = Counter(name for names in tagged for name in names).most_common(GENRES_IN_SENTENCE)
        common = [(name, number) for name, number in counted if number > 1]
        if not common:
            return ""
        (first, most), *rest = common
        of = f"{len(tagged)}" if len(tagged) == len(self.similar) else f"the {len(tagged)} with genres"
        sentence = f"{most} of {of} are {first}"
        return ", ".join([sentence, *(f"{number} {name}" for name, number in rest)])


def focus_card(movie_id: int) -> FocusCard | None:
    """The card of the movie; None if it was deleted or merged."""
    found = review.cards([movie_id])
    if not found:
        return None
    [movie] = found
    pending: list[Suggestion] = movie.pending_suggestions  # type: ignore[attr-defined]
    card = FocusCard(movie, review.open_flag(movie))
    card.suggested = [
        Option(each.genre, _digit(number), review.is_ticked(each), suggestion=each)
        for number, each in enumerate(pending, start=1)
    ]
    held = movie.movie_genres.select_related("genre")
    card.held = [
        Option(row.genre, _digit(number), ticked=True) for number, row in enumerate(held, len(pending) + 1)
    ]
    shown = {option.genre.pk for option in (*card.suggested, *card.held)}
    decided = movie.suggestions.filter(state=Suggestion.State.REJECTED).order_by()
    rejected = set(decided.values_list("genre", flat=True)) - shown
    model, scores = _scores(movie)
    genres = {genre.pk: genre for genre in briefly("genres", lambda: list(Genre.objects.all()))}
    card.rejected = [genre for pk, genre in genres.items() if pk in rejected]
    best = sorted(scores.keys() - shown - rejected, key=lambda pk: -scores[pk])
    card.following = [
        Option(genres[pk], key, score=score_text(scores[pk], model))
        for key, pk in zip(NEXT_KEYS, best, strict=False)
    ]
    shown |= {option.genre.pk for option in card.following}
    card.others = [Option(genre) for pk, genre in genres.items() if pk not in shown]
    try:
        extractor = next(iter(briefly("extractors-in-use", extractors_in_use)), None)
        card.similar = lookalikes(movie, extractor, k=SIMILAR) if extractor else []
    except IndexNotReady:
        card.similar = []
    return card


def _scores(movie: Movie) -> tuple[GenreModel | None, dict[int, float]]:
    """The active genre model, and its scores by genre id."""
    model = briefly("active-model", _active_model)
    if model is None:
        return None, {}
    try:
        return model, suggestions.scores_of(movie, model, suggestions.load(model))
    except ModelFileError as error:
        # The page of the genre model says so to those who can repair it.
        log.warning("No scores for %s: %s", movie, error)
        return model, {}


def _active_model() -> GenreModel | None:
    active = GenreModel.objects.filter(state=GenreModel.State.ACTIVE)
    return active.defer("metrics", "config").select_related("extractor").first()


def _digit(number: int) -> str:
    return str(number) if number < 10 else ""
