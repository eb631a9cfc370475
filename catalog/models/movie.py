"""Movies and genres."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, router, transaction
from django.db.models import Q

from catalog.page_urls import reverse_pk

EXTERNAL_IDS = ("imdb_id", "tmdb_id", "movielens_id", "local_id")
# What genre models read besides posters.
TEXTS = ("title", "year", "overview")


class Genre(models.Model):
    """A genre with its canonical name. Spellings with the same slug are the same genre."""

    name = models.CharField(max_length=60, unique=True)
    slug = models.SlugField(max_length=60, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class MovieQuerySet(models.QuerySet["Movie"]):
    def untagged(self) -> MovieQuerySet:
        """Movies without a genre, for which the genre model makes suggestions."""
        return self.filter(movie_genres__isnull=True)

    def without_poster(self) -> MovieQuerySet:
        return self.filter(posters__isnull=True)


class MovieManager(models.Manager.from_queryset(MovieQuerySet)):  # type: ignore[misc]
    """All movies except those merged into another, which remain for the decisions on them."""

    def get_queryset(self) -> MovieQuerySet:
        return super().get_queryset().filter(merged_into__isnull=True)


class Movie(models.Model):
    """A movie. Each external id belongs to at most one movie."""

    title = models.CharField(max_length=500)
    original_title = models.CharField(max_length=500, blank=True)
    year = models.PositiveSmallIntegerField(null=True, blank=True)
    overview = models.TextField(blank=True)
    franchise = models.CharField(max_length=500, blank=True, db_index=True)
    # Ids of the sites that posters are fetched from; local_id is from the user's own files.
    imdb_id = models.CharField("IMDb id", max_length=12, null=True, blank=True, unique=True)
    tmdb_id = models.PositiveIntegerField("TMDB id", null=True, blank=True, unique=True)
    movielens_id = models.PositiveIntegerField("MovieLens id", null=True, blank=True, unique=True)
    local_id = models.CharField(max_length=300, null=True, blank=True, unique=True)
    poster_url = models.CharField(
        "poster address",
        max_length=1000,
        blank=True,
        help_text="From an import. It is tried before the pages of poster sources.",
    )
    genres_locked = models.BooleanField(
        default=False, help_text="A person set this movie's genres, and imports do not change them."
    )
    # Raised with every change of title, year or overview, by which outdated suggestions are recognised.
    text_version = models.PositiveIntegerField(default=0, editable=False)
    genres = models.ManyToManyField(Genre, through="MovieGenre", related_name="movies")
    # The movie that this one was merged into. Old decisions and URLs lead there.
    merged_into = models.ForeignKey(
        "self",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        editable=False,
        db_index=False,
        related_name="merged_movies",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = MovieManager()
    everything = MovieQuerySet.as_manager()

    class Meta:
        ordering = ["title", "year", "pk"]
        indexes = [
            models.Index(fields=["title", "year", "id"]),
            models.Index(fields=["-created_at", "-id"]),
            # Partial: with an index of all rows, SQLite would use it to find the movies that are not merged,
            # nearly all of them, and then sort them.
            models.Index(
                fields=["merged_into"], name="movie_merged_away", condition=Q(merged_into__isnull=False)
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(title=""), name="movie_has_a_title"),
            # Only one movie could have an empty string, so a missing id is NULL.
            models.CheckConstraint(
                condition=(Q(imdb_id__isnull=True) | ~Q(imdb_id=""))
                & (Q(local_id__isnull=True) | ~Q(local_id="")),
                name="movie_absent_id_is_null",
            ),
            models.CheckConstraint(
                condition=Q(year__isnull=True) | Q(year__gte=1870, year__lte=2100),
                name="movie_year_plausible",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.year})" if self.year else self.title

    def save(self, *, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        """Save, and raise `text_version` if title, year or overview change.

        Statements that write many movies at once have to raise it themselves.
        """
        fields = None if update_fields is None else set(update_fields)
        if self._state.adding or (fields is not None and not fields & {*TEXTS, "text_version"}):
            super().save(update_fields=update_fields, **kwargs)
            return
        with transaction.atomic(using=kwargs.get("using") or router.db_for_write(type(self), instance=self)):
            rows = Movie.everything.select_for_update().filter(pk=self.pk)
            if (stored := rows.values("text_version", *TEXTS).first()) is not None:
                changed = any(
                    getattr(self, name) != stored[name] for name in TEXTS if fields is None or name in fields
                )
                # Never the number in memory, which another process may have raised meanwhile.
                self.text_version = stored["text_version"] + changed
            if fields is not None:
                update_fields = fields | {"text_version"}
            super().save(update_fields=update_fields, **kwargs)

    def get_absolute_url(self) -> str:
        return reverse_pk("catalog:movie", self.pk)

    def clean(self) -> None:
        self.imdb_id = self.imdb_id or None
        self.local_id = self.local_id or None

    def validate_unique(self, exclude: Collection[str] | None = None) -> None:
        """Raise ValidationError for an external id of another movie, merged or not."""
        errors: dict[str, list[ValidationError]] = {}
        for name in set(EXTERNAL_IDS) - {*(exclude or ())}:
            other = self.other_with(name, getattr(self, name))
            # Django uses the default manager, which excludes merged movies.
            if other is not None and other.merged_into is not None:
                message = f"This id belongs to {other}, which was merged into {other.merged_into}."
                errors[name] = [ValidationError(message, code="unique")]
        try:
            super().validate_unique(exclude)
        except ValidationError as error:
            errors = error.update_error_dict(errors)
        if errors:
            raise ValidationError(errors)

    def other_with(self, name: str, value: object) -> Movie | None:
        """The other movie, merged or not, with this external id, if any."""
        if value in (None, ""):
            return None
        others = Movie.everything.filter(**{name: value}).exclude(pk=self.pk)
        return others.select_related("merged_into").first()

    @property
    def primary_poster(self):
        """The poster shown for this movie, or None. Uses prefetched `posters`."""
        posters = list(self.posters.all())
        return next((poster for poster in posters if poster.is_primary), posters[0] if posters else None)


class MovieGenre(models.Model):
    """A genre of a movie and its origin. Manual replaces imported, which replaces accepted."""

    class Origin(models.TextChoices):
        IMPORTED = "imported", "imported"
        MANUAL = "manual", "set by a person"
        ACCEPTED = "accepted", "accepted suggestion"

    movie = models.ForeignKey(Movie, on_delete=models.CASCADE, related_name="movie_genres")
    genre = models.ForeignKey(Genre, on_delete=models.PROTECT, related_name="movie_genres")
    origin = models.CharField(max_length=8, choices=Origin.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["genre__name"]
        constraints = [
            models.UniqueConstraint(fields=["movie", "genre"], name="one_row_per_movie_and_genre"),
            models.CheckConstraint(
                condition=Q(origin__in=["imported", "manual", "accepted"]), name="movie_genre_origin_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.genre} ({self.get_origin_display()})"
