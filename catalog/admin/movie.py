"""Movies in Django admin: find them, correct them, give them a poster, and start runs over them."""

from __future__ import annotations

import copy
from typing import Any

from django.contrib import admin, messages
from django.db import IntegrityError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from catalog.external_ids import external_link, external_url
from catalog.genres import review
from catalog.models import Movie, Poster, Suggestion
from catalog.posters.primary import make_primary, process_changed, shown_posters, store_poster, unlock

from .access import person
from .downloading import DownloadsTitles
from .movie_filter import FranchiseFilter, GenreFilter, PosterFilter, SuggestionFilter
from .movie_form import REVIEWED_ONLY, MovieForm
from .movie_search import SearchesMovies
from .poster import standing
from .starting_runs import StartsRuns, tell_renewal
from .thumbnail import movie_thumbnail, thumbnail


class PosterInline(admin.TabularInline):
    model = Poster
    fields = ("picture", "source", "language", "size", "is_primary", "locked", "standing", "fetched_at")
    readonly_fields = fields
    show_change_link = True
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="picture")
    def picture(self, poster: Poster) -> SafeString | str:
        return thumbnail(poster)

    @admin.display(description="size, px")
    def size(self, poster: Poster) -> str:
        return f"{poster.width} × {poster.height}"

    @admin.display(description="at its source")
    def standing(self, poster: Poster) -> str:
        return standing(poster)


@admin.register(Movie)
class MovieAdmin(SearchesMovies, DownloadsTitles, StartsRuns):
    form = MovieForm
    list_display = ("picture", "title_and_year", "genre_names", "ids", "has_poster")
    list_display_links = ("picture", "title_and_year")
    list_filter = (GenreFilter, PosterFilter, SuggestionFilter, FranchiseFilter)
    list_per_page = 50
    search_fields = ("=imdb_id",)  # shows the box; SearchesMovies searches
    search_help_text = "Words of the title or franchise, a year, or an id such as tt0111161"
    inlines = (PosterInline,)
    save_on_top = True
    fieldsets = (
        (None, {"fields": (("title", "year"), "genre_choices", "shown_poster", "poster_upload")}),
        ("About it", {"fields": ("original_title", "franchise", "overview")}),
        (
            "Ids",
            {"fields": (("imdb_id", "tmdb_id"), ("movielens_id", "local_id"), "pages", "poster_url")},
        ),
    )
    readonly_fields = ("pages",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Movie]:
        return super().get_queryset(request).prefetch_related("posters", "genres")

    @admin.display(description="picture")
    def picture(self, movie: Movie) -> SafeString | str:
        return movie_thumbnail(movie)

    @admin.display(description="movie", ordering="title")
    def title_and_year(self, movie: Movie) -> str:
        return str(movie)

    @admin.display(description="genres")
    def genre_names(self, movie: Movie) -> str:
        return ", ".join(genre.name for genre in movie.genres.all()) or "untagged"

    @admin.display(description="ids", ordering="imdb_id")
    def ids(self, movie: Movie) -> SafeString:
        named = (
            ("", movie.imdb_id and external_link("imdb", movie.imdb_id)),
            ("TMDB ", movie.tmdb_id and external_link("tmdb", movie.tmdb_id)),
            ("MovieLens ", movie.movielens_id),
            ("", movie.local_id),
        )
        return format_html_join(" · ", "{}{}", ((name, value) for name, value in named if value))

    @admin.display(description="pages")
    def pages(self, movie: Movie) -> SafeString | str:
        addresses = (
            ("IMDb", external_url("imdb", movie.imdb_id)),
            ("TMDB", external_url("tmdb", movie.tmdb_id)),
        )
        links = ((url, name) for name, url in addresses if url)
        return format_html_join(" · ", '<a href="{}" rel="external noopener noreferrer">{}</a>', links) or "–"

    @admin.display(description="poster", boolean=True)
    def has_poster(self, movie: Movie) -> bool:
        return movie.primary_poster is not None

    def get_form(
        self, request: HttpRequest, obj: Movie | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if not request.user.has_perm("catalog.review_suggestion") and "genre_choices" in form.base_fields:
            # The form class is made for this request, but the field in it is everybody's: take a copy.
            field = copy.deepcopy(form.base_fields["genre_choices"])
            field.disabled, field.help_text = True, REVIEWED_ONLY
            form.base_fields["genre_choices"] = field
        return form

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        movie = form.instance
        before = shown_posters([movie.pk])
        if (genres := form.changed_genres()) is not None:
            review.set_genres(movie, genres, person(request))
        if form.poster_bytes is None and "shown_poster" in form.changed_data:
            chosen = form.cleaned_data["shown_poster"]
            make_primary(chosen, locked=True) if chosen else unlock(movie)
        if form.poster_bytes is not None:
            poster = store_poster(movie, form.poster_bytes, source="upload", locked=True)
            messages.success(
                request,
                f"The uploaded poster ({poster.width} × {poster.height} px) is now shown and kept: fetching "
                "posters will not replace it.",
            )
        tell_renewal(request, process_changed(before, by=person(request)))

    def changeform_view(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().changeform_view(*args, **kwargs)
        except IntegrityError:
            # Somebody took an id after it was looked up. Nothing was saved; a second look finds who has it.
            return super().changeform_view(*args, **kwargs)

    def view_on_site(self, obj: Movie) -> str:
        return reverse("catalog:movie", args=[obj.pk])

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Suggestions go with their movie: that nobody may delete one alone must not protect it."""
        to_delete, counts, missing, protected = super().get_deleted_objects(objs, request)
        return to_delete, counts, set(missing) - {Suggestion._meta.verbose_name}, protected
