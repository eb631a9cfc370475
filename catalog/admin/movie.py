"""Movies in Django admin: filters, search, editing, posters, download, and starting runs."""

from __future__ import annotations

import copy
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from catalog.external_ids import external_link, external_url
from catalog.genres import review
from catalog.models import Genre, Movie, MovieGenre, Poster, Suggestion
from catalog.posters.primary import evidence_now, make_primary, process_changed, store_poster, unlock
from catalog.runs import kinds
from catalog.transfer.tables import titles

from .downloads import download_path
from .model_admin import MovieSearchAdmin, current_user
from .movie_form import NEEDS_REVIEW_PERMISSION, MovieForm
from .poster import movie_thumbnail, source_state, thumbnail
from .starting_runs import RunStartingAdmin, add_update_message


class GenreFilter(admin.SimpleListFilter):
    title = "genre"
    parameter_name = "genre"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        genres = Genre.objects.values_list("slug", "name")
        return [("-", "untagged"), *genres]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Movie]) -> QuerySet[Movie]:
        if self.value() is None:
            return queryset
        held = MovieGenre.objects.filter(movie=OuterRef("pk"))
        if self.value() == "-":
            return queryset.filter(~Exists(held))
        return queryset.filter(Exists(held.filter(genre__slug=self.value())))


class PosterFilter(admin.SimpleListFilter):
    title = "poster"
    parameter_name = "poster"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("yes", "has a poster"),
            ("no", "has none"),
            ("locked", "chosen by a person"),
            ("bare", "has one, not embedded"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Movie]) -> QuerySet[Movie]:
        posters = Poster.objects.filter(movie=OuterRef("pk"))
        match self.value():
            case "yes":
                return queryset.filter(Exists(posters))
            case "no":
                return queryset.filter(~Exists(posters))
            case "locked":
                return queryset.filter(Exists(posters.filter(locked=True)))
            case "bare":
                return queryset.filter(Exists(posters.filter(is_primary=True, embeddings__isnull=True)))
        return queryset


class SuggestionFilter(admin.SimpleListFilter):
    title = "suggestions"
    parameter_name = "suggested"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state, f"has {label} ones") for state, label in Suggestion.State.choices[:3]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Movie]) -> QuerySet[Movie]:
        if self.value() is None:
            return queryset
        return queryset.filter(Exists(Suggestion.objects.filter(movie=OuterRef("pk"), state=self.value())))


class FranchiseFilter(admin.SimpleListFilter):
    """The largest franchises. Others can be found by search."""

    title = "franchise"
    parameter_name = "franchise"
    most = 20

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        largest = (
            Movie.objects.exclude(franchise="")
            .order_by()
            .values("franchise")
            .annotate(movies=Count("pk"))
            .order_by("-movies", "franchise")[: self.most]
        )
        return [(row["franchise"], f"{row['franchise']} ({row['movies']})") for row in largest]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Movie]) -> QuerySet[Movie]:
        return queryset if self.value() is None else queryset.filter(franchise=self.value())


class PosterInline(admin.TabularInline):
    model = Poster
    fields = ("picture", "source", "language", "size", "is_primary", "locked", "at_source", "fetched_at")
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

    @admin.display(description="at the source")
    def at_source(self, poster: Poster) -> str:
        return source_state(poster)


@admin.register(Movie)
class MovieAdmin(MovieSearchAdmin, RunStartingAdmin):
    form = MovieForm
    list_display = ("picture", "title_and_year", "genre_names", "ids", "has_poster")
    list_display_links = ("picture", "title_and_year")
    list_filter = (GenreFilter, PosterFilter, SuggestionFilter, FranchiseFilter)
    list_per_page = 50
    search_fields = ("=imdb_id",)  # for the search box; MovieSearchAdmin searches
    search_help_text = "Words of the title or franchise, a year, or an id such as tt0111161"
    inlines = (PosterInline,)
    save_on_top = True
    fieldsets = (
        (None, {"fields": (("title", "year"), "genre_choices", "shown_poster")}),
        ("Another poster", {"fields": ("poster_upload", "poster_address"), "classes": ("another-poster",)}),
        ("About it", {"fields": ("original_title", "franchise", "overview")}),
        (
            "Ids",
            {"fields": (("imdb_id", "tmdb_id"), ("movielens_id", "local_id"), "pages", "poster_url")},
        ),
    )
    readonly_fields = ("pages",)

    def get_urls(self) -> list[URLPattern]:
        download = download_path(self, titles, "titles.csv", "catalog_movie_titles")
        alternatives = path(
            "<int:pk>/alternatives/",
            self.admin_site.admin_view(require_POST(self.alternatives_view)),
            name="catalog_movie_alternatives",
        )
        return [download, alternatives, *super().get_urls()]

    def alternatives_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST: start a run that fetches further posters of the movie."""
        if not (self.has_start_run_permission(request) and self.has_view_permission(request)):
            raise PermissionDenied(f"This page needs the permission {kinds.START_PERMISSION}.")
        movie = get_object_or_404(Movie, pk=pk)
        self.fetch_alternatives(request, Movie.objects.filter(pk=movie.pk))
        return redirect("admin:catalog_movie_change", pk)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        context["may_find_alternatives"] = bool(kwargs.get("obj")) and self.has_start_run_permission(request)
        return super().render_change_form(request, context, *args, **kwargs)

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
            # The form class is created for this request, but shares its fields: copy the field.
            field = copy.deepcopy(form.base_fields["genre_choices"])
            field.disabled, field.help_text = True, NEEDS_REVIEW_PERMISSION
            form.base_fields["genre_choices"] = field
        return form

    def save_model(self, request: HttpRequest, obj: Movie, form: Any, change: bool) -> None:
        form.evidence_before = evidence_now([obj.pk]) if change else {}
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        movie = form.instance
        before = form.evidence_before or evidence_now([movie.pk])
        if (genres := form.changed_genres()) is not None:
            review.set_genres(movie, genres, current_user(request))
        if form.poster_bytes is None and "shown_poster" in form.changed_data:
            chosen = form.cleaned_data["shown_poster"]
            make_primary(chosen, locked=True) if chosen else unlock(movie)
        if form.poster_bytes is not None:
            address = form.cleaned_data.get("poster_address") or ""
            poster = store_poster(movie, form.poster_bytes, source="upload", source_url=address, locked=True)
            messages.success(
                request,
                f"The new poster ({poster.width} × {poster.height} px) is shown, whatever is fetched later.",
            )
        add_update_message(request, process_changed(before, by=current_user(request)))

    def changeform_view(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().changeform_view(*args, **kwargs)
        except IntegrityError:
            # Another movie got the id after validation. Nothing was saved. Validating again names that movie.
            return super().changeform_view(*args, **kwargs)

    def view_on_site(self, obj: Movie) -> str:
        return reverse("catalog:movie", args=[obj.pk])

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Suggestions are deleted with their movie, although nobody has the permission to delete one."""
        to_delete, counts, missing, protected = super().get_deleted_objects(objs, request)
        return to_delete, counts, set(missing) - {Suggestion._meta.verbose_name}, protected
