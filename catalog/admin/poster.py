"""Posters and placeholders in Django admin."""

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
from catalog.models import Movie, Placeholder, Poster
from catalog.posters.primary import evidence_now, make_primary, process_changed, remove

from .model_admin import MovieSearchAdmin, current_user
from .starting_runs import add_update_message

THUMBNAIL_HEIGHT = 60  # px: three rows of text
PREVIEW_HEIGHT = 300  # px


def thumbnail(poster: Poster | None, height: int = THUMBNAIL_HEIGHT) -> SafeString | str:
    """An `img` of the poster with a height in px, or a dash."""
    if poster is None:
        return "–"
    picture = poster.thumbnail if height <= PREVIEW_HEIGHT else poster.medium
    width = max(1, round(poster.width * height / poster.height))
    return format_html(
        '<img class="poster-thumb" src="{}" alt="Poster of {}" width="{}" height="{}" loading="lazy">',
        picture.url,
        poster.movie,
        width,
        height,
    )


def movie_thumbnail(movie: Movie, height: int = THUMBNAIL_HEIGHT) -> SafeString | str:
    """The movie's primary poster. Uses a prefetch of `posters`."""
    poster = movie.primary_poster
    if poster is not None:
        poster.movie = movie
    return thumbnail(poster, height)


SAME_PICTURE_SHOWN = 24


class LanguageFilter(admin.AllValuesFieldListFilter):
    """The languages of posters. The empty one is called "unknown", because a link needs a text."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        for choice in super().choices(changelist):
            yield {**choice, "display": choice["display"] or "unknown"}


@admin.register(Poster)
class PosterAdmin(MovieSearchAdmin):
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
        "at_source",
        "embedded_by",
        "sha256",
        "perceptual_hash",
    )

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Poster | None:
        poster = super().get_object(request, *args, **kwargs)
        if poster is not None:
            poster.may_decide_duplicate = request.user.has_perm("catalog.decide_duplicate")
        return poster

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # posters are uploaded on the movie's page, which validates them

    def delete_model(self, request: HttpRequest, obj: Poster) -> None:
        self._remove(request, [obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Poster]) -> None:
        self._remove(request, list(queryset.order_by("pk")))

    def _remove(self, request: HttpRequest, posters: list[Poster]) -> None:
        with transaction.atomic():
            before = evidence_now({poster.movie_id for poster in posters})
            remove(posters)
            add_update_message(request, process_changed(before, by=current_user(request)))

    @admin.action(description="Show for its movie and lock", permissions=["change"])
    def choose(self, request: HttpRequest, queryset: QuerySet[Poster]) -> None:
        posters = list(queryset.select_related("movie"))
        movies = {poster.movie for poster in posters}
        if len(movies) < len(posters):
            messages.error(request, "Select only one poster of each movie. Nothing was changed.")
            return
        with transaction.atomic():
            before = evidence_now([movie.pk for movie in movies])
            for poster in posters:
                make_primary(poster, locked=True)
            run = process_changed(before, by=current_user(request))
        messages.success(
            request,
            f"The selected poster is shown and locked for {', '.join(map(str, movies))}.",
        )
        add_update_message(request, run)

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
        """Links to other movies with the same picture, and to the page of duplicates."""
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
        if not others or group is None or not poster.may_decide_duplicate:  # type: ignore[attr-defined]
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

    @admin.display(description="at the source")
    def at_source(self, poster: Poster) -> str:
        return source_state(poster)

    @admin.display(description="embedded by")
    def embedded_by(self, poster: Poster) -> str:
        specs = poster.embeddings.values_list("extractor__spec", flat=True).order_by("extractor")
        return ", ".join(specs) or "no extractor yet"


def source_state(poster: Poster) -> str:
    """Whether the poster still exists at its source, in words."""
    if poster.gone_at is not None:
        return f"removed {poster.gone_at:%Y-%m-%d}; this copy is kept"
    if poster.superseded:
        return "replaced by another"
    return f"checked {poster.checked_at:%Y-%m-%d}" if poster.checked_at else "–"


def _link(address: str) -> SafeString | str:
    """A link if it is a web address. Addresses from other sites are not trusted."""
    if not address.startswith(("https://", "http://")):
        return address or "–"
    return format_html('<a href="{0}" rel="noopener noreferrer nofollow">{0}</a>', address)


@admin.register(Placeholder)
class PlaceholderAdmin(admin.ModelAdmin):
    """Pictures that were taken for placeholders ("no image available"). Some may be posters after all."""

    list_display = ("found_at", "source", "movies", "source_url", "is_poster")
    list_editable = ("is_poster",)
    list_filter = ("is_poster", "source")
    fields = ("found_at", "source", "source_url", "sha256", "movies", "is_poster")
    readonly_fields = ("found_at", "source", "source_url", "sha256", "movies")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
