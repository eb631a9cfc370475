"""Factories: rows for tests, with tiny real JPEG files behind their posters."""

from __future__ import annotations

import colorsys
import hashlib
import io
from collections.abc import Iterable
from functools import cache
from typing import Any

import factory
import numpy as np
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.files.base import ContentFile
from django.utils import timezone
from django.utils.text import slugify
from PIL import Image

from catalog.models import (
    Embedding,
    Extractor,
    Genre,
    GenreModel,
    Movie,
    MovieGenre,
    Poster,
    Run,
    RunItem,
    Suggestion,
)

PASSWORD = "a long enough passphrase"


@cache
def _gradient(size: tuple[int, int]) -> Image.Image:
    return Image.linear_gradient("L").resize(size)


def tiny_jpeg(seed: int = 0, size: tuple[int, int] = (40, 60)) -> bytes:
    """A small valid JPEG: a vertical gradient in a colour that follows the seed."""
    red, green, blue = (int(255 * part) for part in colorsys.hsv_to_rgb((seed * 0.618034) % 1, 0.7, 0.9))
    # Steps of the golden ratio never come back to a hue already used.
    picture = _gradient(size)
    channels = [picture.point([value * part // 255 for value in range(256)]) for part in (red, green, blue)]
    file = io.BytesIO()
    Image.merge("RGB", channels).save(file, "JPEG", quality=90)
    return file.getvalue()


class GenreFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Genre
        django_get_or_create = ("slug",)

    name = factory.Sequence(lambda n: f"Genre {n}")
    slug = factory.LazyAttribute(lambda genre: slugify(genre.name))


class MovieFactory(factory.django.DjangoModelFactory):
    """MovieFactory(genres=["Drama"], genres__origin="manual", poster=True, poster__source="upload")."""

    class Meta:
        model = Movie
        skip_postgeneration_save = True

    title = factory.Sequence(lambda n: f"Film {n:04d}")
    year = factory.Sequence(lambda n: 1950 + n % 70)
    imdb_id = factory.Sequence(lambda n: f"tt{8_000_000 + n}")
    tmdb_id = factory.Sequence(lambda n: 8_000_000 + n)

    @factory.post_generation
    def genres(self: Movie, create: bool, extracted: Iterable[Genre | str] | None, **kwargs: Any) -> None:
        for genre in extracted or ():
            MovieGenre.objects.create(
                movie=self,
                genre=GenreFactory(name=genre) if isinstance(genre, str) else genre,
                origin=kwargs.get("origin", MovieGenre.Origin.IMPORTED),
            )

    @factory.post_generation
    def poster(self: Movie, create: bool, extracted: bool | None, **kwargs: Any) -> None:
        if extracted or kwargs:
            PosterFactory(movie=self, **kwargs)


class PosterFactory(factory.django.DjangoModelFactory):
    """PosterFactory(image=JPEG_BYTES) stores those bytes; without it each poster gets its own gradient."""

    class Meta:
        model = Poster

    class Params:
        image = factory.Sequence(lambda n: tiny_jpeg(n))

    movie = factory.SubFactory(MovieFactory)
    source = "tmdb_page"
    source_url = factory.LazyAttribute(
        lambda poster: f"https://www.themoviedb.org/t/p/original/{poster.sha256[:16]}.jpg"
    )
    page_url = factory.LazyAttribute(
        lambda poster: f"https://www.themoviedb.org/movie/{poster.movie.tmdb_id}"
    )
    attribution = "Poster from The Movie Database"
    sha256 = factory.LazyAttribute(lambda poster: hashlib.sha256(poster.image).hexdigest())
    # Sixteen hexadecimal digits far apart from those of any other poster.
    perceptual_hash = factory.LazyAttribute(lambda poster: hashlib.sha256(poster.image).hexdigest()[-16:])
    file = factory.LazyAttribute(lambda poster: ContentFile(poster.image, f"{poster.sha256}.jpg"))
    medium = factory.LazyAttribute(lambda poster: ContentFile(poster.image, f"{poster.sha256}-m.jpg"))
    thumbnail = factory.LazyAttribute(lambda poster: ContentFile(poster.image, f"{poster.sha256}-t.jpg"))
    fetched_at = factory.LazyFunction(timezone.now)
    is_primary = factory.LazyAttribute(
        lambda poster: not Poster.objects.filter(movie=poster.movie, is_primary=True).exists()
    )


class ExtractorFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Extractor
        django_get_or_create = ("fingerprint",)

    spec = "pixels"
    fingerprint = factory.LazyAttribute(lambda extractor: f"{extractor.spec}:test")
    dims = 8


class EmbeddingFactory(factory.django.DjangoModelFactory):
    """EmbeddingFactory(values=[...]) stores those numbers; without it a seeded random vector."""

    class Meta:
        model = Embedding

    class Params:
        seed = factory.Sequence(lambda n: n)
        values = None

    poster = factory.SubFactory(PosterFactory)
    extractor = factory.SubFactory(ExtractorFactory)

    @factory.lazy_attribute
    def vector(self) -> bytes:
        values = self.values
        if values is None:
            values = np.random.default_rng(self.seed).normal(size=self.extractor.dims)
        return np.asarray(values, dtype="<f2").tobytes()


class GenreModelFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = GenreModel

    version = factory.Sequence(lambda n: n + 1)
    recipe = "recipe-genres"
    extractor = factory.SubFactory(ExtractorFactory)
    genres = factory.LazyFunction(lambda: ["Comedy", "Drama", "Horror"])
    thresholds = factory.LazyAttribute(lambda model: [0.6] * len(model.genres))
    dataset_fingerprint = "0" * 64
    weights_file = factory.LazyAttribute(lambda model: f"genres-{model.version}.npz")
    weights_sha256 = "0" * 64


class SuggestionFactory(factory.django.DjangoModelFactory):
    """A pending suggestion by the active model (made if there is none), about the movie's primary poster."""

    class Meta:
        model = Suggestion

    movie = factory.SubFactory(MovieFactory)
    genre = factory.SubFactory(GenreFactory)
    score = 0.75
    threshold = 0.6
    poster = factory.LazyAttribute(lambda suggestion: suggestion.movie.primary_poster)
    poster_sha256 = factory.LazyAttribute(
        lambda suggestion: suggestion.poster.sha256 if suggestion.poster else "0" * 64
    )

    evidence_digest = factory.LazyAttribute(lambda suggestion: suggestion.poster_sha256)

    @factory.lazy_attribute
    def model(self) -> GenreModel:
        active = GenreModel.objects.filter(state=GenreModel.State.ACTIVE).first()
        return active or GenreModelFactory(state=GenreModel.State.ACTIVE)


class RunFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Run

    kind = "scrape"


class RunItemFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = RunItem

    run = factory.SubFactory(RunFactory)
    movie = factory.SubFactory(MovieFactory)


class UserFactory(factory.django.DjangoModelFactory):
    """UserFactory(admin=True), UserFactory(reviewer=True), UserFactory(reviewer=True, keeper=True),
    UserFactory(permissions=["catalog.start_run"]); a stranger without any of these."""

    class Meta:
        model = get_user_model()
        skip_postgeneration_save = True

    class Params:
        admin = factory.Trait(is_staff=True, is_superuser=True)

    username = factory.Sequence(lambda n: f"person{n}")
    password = factory.django.Password(PASSWORD)

    @factory.post_generation
    def permissions(self, create: bool, extracted: Iterable[str] | None, **kwargs: Any) -> None:
        grant(self, extracted or ())

    @factory.post_generation
    def reviewer(self, create: bool, extracted: bool | None, **kwargs: Any) -> None:
        if extracted:
            self.is_staff = True
            self.save(update_fields=["is_staff"])
            grant(self, ["catalog.review_suggestion", "catalog.view_movie", "catalog.view_suggestion"])

    @factory.post_generation
    def keeper(self, create: bool, extracted: bool | None, **kwargs: Any) -> None:
        if extracted:
            names = ("accept_in_bulk", "decide_duplicate", "train_genremodel", "change_genremodel")
            grant(self, [f"catalog.{name}" for name in names])


def grant(user: Any, permissions: Iterable[str]) -> None:
    for name in permissions:
        app_label, codename = name.split(".")
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=app_label, codename=codename)
        )
