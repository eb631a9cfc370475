"""Posters in Django admin: look at one, learn where it came from, choose which one a movie shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from catalog.duplicates import groups
from catalog.models import Poster
from catalog.posters.primary import make_primary, process_changed, remove, shown_posters

from .access import person
from .movie_search import SearchesMovies
from .starting_runs import tell_renewal
from .thumbnail import PREVIEW_HEIGHT, thumbnail

SAME_PICTURE_SHOWN = 24


class LanguageFilter(admin.AllValuesFieldListFilter):
    """Languages that posters have, and the empty one by name: a link without text cannot be read aloud."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        for choice in super().choices(changelist):
            yield {**choice, "display": choice["display"] or "unknown"}


@admin.register(Poster)
class PosterAdmin(SearchesMovies):
    list_display = ("picture", "of_movie", "source", "language", "size", "is_primary", "locked", "fetched_at")
    list_display_links = ("picture", "of_movie")
    list_filter = (
        "is_primary",
        "locked",
        "source",
        ("language", LanguageFilter),
        "superseded",
        "fetched_at",
    )
    list_select_related = ("movie",)
    list_per_page = 50
    search_fields = ("^sha256", "source_url")
    search_help_text = "The movie's title or id, or the beginning of the SHA-256"
    date_hierarchy = "fetched_at"
    actions = ("choose",)
    fields = readonly_fields = (
        "preview",
        "movie_link",
        "same_picture",
        "size",
        "is_primary",
        "locked",
        "source",
        "page_link",
        "source_link",
        "attribution",
        "language",
        "fetched_at",
        "checked_at",
        "at_its_source",
        "embedded_by",
        "sha256",
        "perceptual_hash",
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a poster is uploaded on its movie's page, where it is checked

    def delete_model(self, request: HttpRequest, obj: Poster) -> None:
        self._remove(request, [obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Poster]) -> None:
        self._remove(request, list(queryset.order_by("pk")))

    def _remove(self, request: HttpRequest, posters: list[Poster]) -> None:
        with transaction.atomic():
            before = shown_posters({poster.movie_id for poster in posters})
            remove(posters)
            tell_renewal(request, process_changed(before, by=person(request)))

    @admin.action(description="Show for its movie and keep (lock)", permissions=["change"])
    def choose(self, request: HttpRequest, queryset: QuerySet[Poster]) -> None:
        posters = list(queryset.select_related("movie"))
        movies = {poster.movie for poster in posters}
        if len(movies) < len(posters):
            messages.error(request, "A movie shows one poster: tick one of each movie. Nothing was changed.")
            return
        with transaction.atomic():
            before = shown_posters([movie.pk for movie in movies])
            for poster in posters:
                make_primary(poster, locked=True)
            run = process_changed(before, by=person(request))
        messages.success(
            request,
            f"Shown from now on, and locked: the chosen poster of {', '.join(map(str, movies))}.",
        )
        tell_renewal(request, run)

    @admin.display(description="picture")
    def picture(self, poster: Poster) -> SafeString | str:
        return thumbnail(poster)

    @admin.display(description="preview")
    def preview(self, poster: Poster) -> SafeString:
        return format_html('<a href="{}">{}</a>', poster.file.url, thumbnail(poster, height=PREVIEW_HEIGHT))

    @admin.display(description="movie", ordering="movie__title")
    def of_movie(self, poster: Poster) -> str:
        return str(poster.movie)

    @admin.display(description="movie")
    def movie_link(self, poster: Poster) -> SafeString:
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:catalog_movie_change", args=[poster.movie_id]), poster.movie
        )

    @admin.display(description="same picture as")
    def same_picture(self, poster: Poster) -> SafeString | str:
        """The other movies that show it, and where to say that it is the wrong poster for one of them."""
        if not poster.is_primary:
            return "–"
        others = format_html_join(
            ", ",
            '<a href="{}">{}</a>',
            (
                (reverse("admin:catalog_movie_change", args=[movie.pk]), movie)
                for movie in groups.same_picture(poster.movie)[:SAME_PICTURE_SHOWN]
            ),
        )
        group = poster.duplicate_members.filter(is_open=True).values_list("group", flat=True).first()
        if not others or group is None:
            return others or "–"
        address = reverse("admin:catalog_duplicategroup_changelist")
        return format_html('{} · <a href="{}?group={}">Wrong poster?</a>', others, address, group)

    @admin.display(description="size, px", ordering="width")
    def size(self, poster: Poster) -> str:
        return f"{poster.width} × {poster.height}"

    @admin.display(description="page")
    def page_link(self, poster: Poster) -> SafeString | str:
        return _link(poster.page_url)

    @admin.display(description="picture")
    def source_link(self, poster: Poster) -> SafeString | str:
        return _link(poster.source_url)

    @admin.display(description="at its source")
    def at_its_source(self, poster: Poster) -> str:
        return standing(poster)

    @admin.display(description="embedded by")
    def embedded_by(self, poster: Poster) -> str:
        specs = poster.embeddings.values_list("extractor__spec", flat=True).order_by("extractor")
        return ", ".join(specs) or "no extractor yet"


def standing(poster: Poster) -> str:
    """What became of a poster at the source it came from, in words."""
    if poster.gone_at is not None:
        return f"gone since {poster.gone_at:%Y-%m-%d}; this copy is kept"
    if poster.superseded:
        return "replaced by another"
    return f"seen there {poster.checked_at:%Y-%m-%d}" if poster.checked_at else "–"


def _link(address: str) -> SafeString | str:
    """Links only what is plainly a web address: these came from pages of others."""
    if not address.startswith(("https://", "http://")):
        return address or "–"
    return format_html('<a href="{0}" rel="noopener noreferrer nofollow">{0}</a>', address)
