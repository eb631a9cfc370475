"""Select pending suggestions by a filter, for the review queue's pages and the runs they start."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import Q, QuerySet

from catalog.models import Genre, Movie, Suggestion


@dataclass(frozen=True)
class Selection:
    """A filter: words of the movie, a genre's id, lowest score, sure ones only, highest id (`last`)."""

    words: str = ""
    genre: int | None = None
    min_score: float | None = None
    sure: bool = False
    last: int | None = None

    @property
    def narrows_suggestions(self) -> bool:
        """Whether the filter may select only some of a movie's pending suggestions."""
        return bool(self.genre or self.sure) or self.min_score is not None

    def of_any_movie(self) -> QuerySet[Suggestion]:
        """The selected pending suggestions, without the filter by words."""
        found = Suggestion.objects.filter(state=Suggestion.State.PENDING)
        if self.genre:
            found = found.filter(genre=self.genre)
        if self.min_score is not None:
            found = found.filter(score__gte=self.min_score)
        if self.sure:
            found = found.filter(sure=True)
        return found if self.last is None else found.filter(pk__lte=self.last)

    def suggestions(self) -> QuerySet[Suggestion]:
        """The selected pending suggestions."""
        found = self.of_any_movie()
        if not self.words:
            return found
        return found.filter(movie__in=self.movies(Movie.objects.order_by()).values("pk"))

    def movies(self, movies: QuerySet[Movie, Any]) -> QuerySet[Movie, Any]:
        """Those of `movies` that have all the words."""
        for word in self.words.split():
            found = (
                Q(title__icontains=word)
                | Q(original_title__icontains=word)
                | Q(franchise__icontains=word)
                | Q(imdb_id__iexact=word)
            )
            if word.isdecimal() and len(word) < 10:
                found |= Q(tmdb_id=int(word)) | Q(movielens_id=int(word)) | Q(year=int(word))
            movies = movies.filter(found)
        return movies

    def as_json(self) -> dict[str, Any]:
        """What was set, to be stored; `Selection(**stored)` is the same again."""
        chosen = asdict(self).items()
        return {name: value for name, value in chosen if value not in (None, "") and value is not False}

    def __str__(self) -> str:
        """In words: "sure, Drama, score from 0.80, matching “ember”"."""
        genre = Genre.objects.filter(pk=self.genre).first() if self.genre else None
        parts = [
            "sure" if self.sure else "",
            genre.name if genre else "",
            "" if self.min_score is None else f"score from {self.min_score:.2f}",
            f"matching “{self.words}”" if self.words else "",
        ]
        return ", ".join(filter(None, parts)) or "all"
