"""The filter form of the review queue: search, genre, minimum score, order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Self, cast

from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.forms.models import ModelChoiceIterator
from django.forms.utils import flatatt
from django.http import QueryDict
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from catalog.genres import orders, review
from catalog.genres.review import Selection
from catalog.models import Genre, Movie, Suggestion
from catalog.web.brief_cache import briefly
from catalog.web.pending import pending_by_genre

PENDING = Suggestion.State.PENDING
# Sorting the whole queue takes long, and reviewers need only its beginning.
FIRST_MOVIES = 100
SELECTED = mark_safe(" selected")
ORDERS = {
    "": "Most confident first",
    "informative": "Most informative first",
    "disagree": "Models disagree",
    "newest": "Newest first",
    "unsure": "Least confident first",
    "title": "By title",
    "audit": "Audit of tagged movies",
}
# Other names of orders: what the default is called, and a name of earlier versions.
ALIASES = {"confident": "", "new": "newest"}


def waiting() -> Q:
    """The condition for suggestions of a genre that wait for a review. Those of flagged movies do not."""
    return Q(suggestions__state=PENDING) & ~Q(suggestions__movie__in=review.flagged())


class GenresWithCounts(ModelChoiceIterator):
    """Genres with their numbers of pending suggestions. They are counted when the field is shown."""

    field: GenreWithCount

    def __iter__(self) -> Iterator[tuple[Any, str]]:
        yield "", str(self.field.empty_label)
        counts = pending_by_genre()
        for genre in briefly("genres", lambda: list(Genre.objects.all())):
            if self.field.lists_all or genre.pk in counts:
                yield genre.pk, f"{genre.name} ({counts.get(genre.pk, 0):,})"


class GenreWithCount(forms.ModelChoiceField):
    """lists_all: whether genres without pending suggestions can be chosen."""

    iterator = GenresWithCounts
    lists_all = False


class Select(forms.Select):
    """Django's, but without rendering a template for each option, which took a tenth of the page's time."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        chosen = "" if value is None else str(value)
        rows = ((option, SELECTED if str(option) == chosen else "", label) for option, label in self.choices)
        options = format_html_join("", '<option value="{}"{}>{}</option>', rows)
        shown = flatatt(self.build_attrs(self.attrs, attrs))
        return format_html('<select name="{}"{}>{}</select>', name, shown, options)


class OrderField(forms.ChoiceField):
    """The names in `ALIASES` are accepted too."""

    def to_python(self, value: Any) -> str:
        return ALIASES.get(name := super().to_python(value), name)

    def prepare_value(self, value: Any) -> Any:
        return ALIASES.get(value, value)


class SearchInput(forms.TextInput):
    input_type = "search"


class QueueFilter(forms.Form):
    """Read from the query string, so that a filtered queue can be bookmarked.

    An invalid value does not filter, and its error is shown beside the field.
    """

    q = forms.CharField(label="Search", required=False, max_length=200, widget=SearchInput)
    genre = GenreWithCount(
        Genre.objects.none(), label="Genre", required=False, empty_label="Any genre", widget=Select
    )
    min_score = forms.FloatField(
        label="Score from",
        required=False,
        min_value=0,
        max_value=1,
        widget=forms.NumberInput(attrs={"step": "0.05", "placeholder": "0.00"}),
    )
    sure = forms.BooleanField(
        label="Only sure", required=False, help_text="Scores above the model's sure threshold"
    )
    order = OrderField(label="Order", required=False, choices=list(ORDERS.items()), widget=Select)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        waiting = Selection().of_any_movie().filter(genre=OuterRef("pk"))
        field = cast(GenreWithCount, self.fields["genre"])
        field.queryset = Genre.objects.filter(Exists(waiting))

    @classmethod
    def read(cls, query: QueryDict) -> Self:
        """The filter of a query string, ready to use."""
        chosen = cls(query)
        chosen.is_valid()
        return chosen

    def selection(self) -> Selection:
        """The suggestions that match the filter."""
        genre = self._value("genre")
        return Selection(
            words=self._value("q") or "",
            genre=genre.pk if genre else None,
            min_score=self._value("min_score"),
            sure=bool(self._value("sure")),
        )

    @property
    def is_audit(self) -> bool:
        """Whether the order is a page of its own, because it has no suggestions."""
        return self._value("order") == "audit"

    @property
    def lists_all(self) -> bool:
        """Whether the order has every movie that matches, not only those that it is about."""
        return self._value("order") not in ("informative", "disagree")

    @property
    def narrows_suggestions(self) -> bool:
        """Whether only some suggestions of a movie may match. Bulk then offers to accept those alone."""
        return self.selection().narrows_suggestions

    def matching(self) -> QuerySet[Suggestion]:
        """The pending suggestions that match genre, minimum score and sure, of any movie."""
        return self.selection().of_any_movie()

    def matching_movies(self) -> QuerySet[Any, Any]:
        """Rows of `movie_id`: the movies that the filter selects, in no order."""
        waiting = self.selection().suggestions().filter(movie__merged_into=None)
        return waiting.order_by().values("movie_id").distinct()

    def first_movies(self) -> list[int]:
        """Ids of the movies that were first in the chosen order some seconds ago; they may be decided."""
        chosen = json.dumps([self._value("order") or "", self.selection().as_json()], sort_keys=True)
        name = f"queue:{hashlib.sha256(chosen.encode()).hexdigest()}"

        def read() -> list[int]:
            rows = self.narrow(review.review_queue()).values_list("movie_id", flat=True)
            return list(rows[:FIRST_MOVIES])

        return briefly(name, read)

    def narrow(self, queue: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
        """The rows of `review.review_queue()` whose movies match, in the chosen order.

        Some orders have rows of their own: see `lists_all`.
        """
        order = self._value("order")
        waiting = self.selection().suggestions()
        if order == "informative":
            return orders.most_informative(waiting)
        if order == "disagree":
            return orders.disagreeing(waiting)
        if self.narrows_suggestions:
            queue = queue.filter(movie__in=self.matching().order_by().values("movie"))
        if self.selection().words:
            queue = queue.filter(movie__in=self.selection().movies(Movie.objects.order_by()).values("pk"))
        if order == "unsure":
            return queue.order_by("best_score", "movie_id")
        if order == "title":
            return queue.order_by("movie__title", "movie__year", "movie_id")
        return queue.order_by("-movie__created_at", "-movie_id") if order == "newest" else queue

    def _value(self, name: str) -> Any:
        return self.cleaned_data.get(name) if self.is_bound and hasattr(self, "cleaned_data") else None
