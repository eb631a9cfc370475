"""The filter form of the review queue: search, genre, minimum score, order."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.db.models import Count, Q, QuerySet
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from catalog.genres.review import Selection
from catalog.models import Genre, Movie, Suggestion

PENDING = Suggestion.State.PENDING
SELECTED = mark_safe(" selected")
ORDERS = {
    "": "Most confident first",
    "unsure": "Least confident first",
    "title": "By title",
    "new": "Newest first",
}


class GenreWithCount(forms.ModelChoiceField):
    def label_from_instance(self, genre: Genre) -> str:
        return f"{genre.name} ({genre.pending:,})"  # type: ignore[attr-defined]


class Select(forms.Select):
    """Django's, but without rendering a template for each option, which took a tenth of the page's time."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        chosen = "" if value is None else str(value)
        rows = ((option, SELECTED if str(option) == chosen else "", label) for option, label in self.choices)
        options = format_html_join("", '<option value="{}"{}>{}</option>', rows)
        shown = flatatt(self.build_attrs(self.attrs, attrs))
        return format_html('<select name="{}"{}>{}</select>', name, shown, options)


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
    order = forms.ChoiceField(label="Order", required=False, choices=list(ORDERS.items()), widget=Select)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        pending = Count("suggestions", filter=Q(suggestions__state=PENDING))
        field = cast(forms.ModelChoiceField, self.fields["genre"])
        field.queryset = Genre.objects.annotate(pending=pending).filter(pending__gt=0)

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
    def narrows_suggestions(self) -> bool:
        """Whether only some suggestions of a movie may match. Bulk then offers to accept those alone."""
        return self.selection().narrows_suggestions

    def matching(self) -> QuerySet[Suggestion]:
        """The pending suggestions that match genre, minimum score and sure, of any movie."""
        return self.selection().of_any_movie()

    def narrow(self, queue: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
        """The rows of `review.review_queue()` whose movies match, in the chosen order."""
        if self.narrows_suggestions:
            queue = queue.filter(movie__in=self.matching().order_by().values("movie"))
        if self.selection().words:
            queue = queue.filter(movie__in=self.selection().movies(Movie.objects.order_by()).values("pk"))
        order = self._value("order")
        if order == "unsure":
            return queue.order_by("best_score", "movie_id")
        if order == "title":
            return queue.order_by("movie__title", "movie__year", "movie_id")
        return queue.order_by("-movie__created_at", "-movie_id") if order == "new" else queue

    def _value(self, name: str) -> Any:
        return self.cleaned_data.get(name) if self.is_bound and hasattr(self, "cleaned_data") else None
