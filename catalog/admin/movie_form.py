"""The movie's form in admin: its facts, its genres as checkboxes, and a poster by hand."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.models import Genre, Movie, Poster
from catalog.models.movie import EXTERNAL_IDS
from catalog.models.poster import NO_WORDS
from catalog.posters.lookup import poster_url_error
from ml.imaging import images

from .thumbnail import thumbnail

REVIEWED_ONLY = "Changing genres needs the permission to review suggestions."
GENRES_HELP = (
    "A change here counts as set by a person: imports leave the genres alone from then on, and pending "
    "suggestions are settled by it."
)


class PosterChoice(forms.ModelChoiceField):
    """A movie's posters, each with its picture."""

    def label_from_instance(self, poster: Poster) -> SafeString:
        words = {NO_WORDS: "without words", "": ""}.get(poster.language, poster.language)
        facts = [poster.source, words, f"{poster.width} × {poster.height}"]
        return format_html("{} {}", thumbnail(poster), ", ".join(filter(None, facts)))


class MovieForm(forms.ModelForm):
    """`genre_choices`, `shown_poster` and `poster_upload` are written by services once the movie is saved."""

    genre_choices = forms.ModelMultipleChoiceField(
        Genre.objects.all(),
        label="Genres",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=GENRES_HELP,
    )
    poster_upload = forms.FileField(
        label="Upload a poster",
        required=False,
        help_text="JPEG, PNG, WebP or GIF, up to 20 MB. It is shown at once and never replaced by a fetch.",
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp,image/gif"}),
    )
    shown_poster = PosterChoice(
        Poster.objects.none(),
        label="Poster to show",
        required=False,
        blank=True,
        empty_label="by rule: language, then resolution, then the order of sources",
        widget=forms.RadioSelect,
        help_text="A poster chosen here stays, whatever is fetched later. More to choose from: tick the "
        "movie in the list of movies and fetch alternative posters.",
    )
    # The name the browser gave is shown to nobody and stored nowhere, so it may be as long as it likes.
    poster_bytes: bytes | None = None

    class Meta:
        model = Movie
        fields = (
            "title",
            "original_title",
            "year",
            "overview",
            "franchise",
            "imdb_id",
            "tmdb_id",
            "movielens_id",
            "local_id",
            "poster_url",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.held = (
            set(self.instance.movie_genres.values_list("genre", flat=True)) if self.instance.pk else set()
        )
        if "genre_choices" in self.fields:
            self.initial.setdefault("genre_choices", sorted(self.held))
        if "shown_poster" in self.fields:
            mine = Poster.objects.filter(movie=self.instance.pk)
            self.fields["shown_poster"].queryset = mine  # type: ignore[attr-defined]
            locked = mine.filter(locked=True, is_primary=True).first()
            self.initial.setdefault("shown_poster", locked.pk if locked else None)

    def clean_poster_url(self) -> str:
        url: str = self.cleaned_data["poster_url"]
        if "poster_url" in self.changed_data and url and (why := poster_url_error(url)):
            raise forms.ValidationError(why, code="no_source_has_it")
        return url

    def clean_poster_upload(self) -> UploadedFile | None:
        upload: UploadedFile | None = self.cleaned_data.get("poster_upload")
        if upload is None:
            return None
        if (upload.size or 0) > images.MAX_BYTES:
            raise forms.ValidationError(
                f"The file has {(upload.size or 0) / 2**20:.0f} MB; a poster may have at most "
                f"{images.MAX_BYTES // 2**20} MB. Save it smaller and upload it again.",
                code="too_many_bytes",
            )
        upload.seek(0)  # the form may be looked at again, see MovieAdmin.changeform_view
        data = upload.read()
        try:
            images.open_safely(data)
        except images.ImageRejected as error:
            raise forms.ValidationError(str(error), code=error.reason) from error
        self.poster_bytes = data
        return upload

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        for name in EXTERNAL_IDS:
            other = self.instance.other_with(name, self.cleaned_data.get(name))
            if other is not None:
                self.add_error(name, forms.ValidationError(self._held_by(other), code="unique"))
        return cleaned

    def _held_by(self, other: Movie) -> SafeString:
        kept = other.merged_into or other
        link = format_html('<a href="{}">{}</a>', reverse("admin:catalog_movie_change", args=[kept.pk]), kept)
        if kept == other:
            return format_html("This id belongs to {}.", link)
        if kept == self.instance:
            return format_html(
                "{}, which was merged into this movie, keeps this id. Imports find this movie by it.", other
            )
        return format_html("This id belongs to {}, which was merged into {}.", other, link)

    def changed_genres(self) -> list[Genre] | None:
        """The genres to set, or None when they were left as they were."""
        chosen = self.cleaned_data.get("genre_choices")
        if chosen is None or "genre_choices" not in self.changed_data:
            return None
        return list(chosen) if {genre.pk for genre in chosen} != self.held else None
