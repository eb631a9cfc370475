"""The form of a movie in Django admin: facts, genres as checkboxes, choice and upload of a poster."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from catalog.fetching.errors import FetchError
from catalog.models import Genre, Movie, Poster
from catalog.models.movie import EXTERNAL_IDS
from catalog.models.poster import NO_WORDS
from catalog.posters.from_address import fetch_picture
from catalog.posters.lookup import poster_url_error
from catalog.posters.primary import EvidenceNow
from ml.imaging import images

DROP_ZONE = mark_safe(
    '<div class="poster-drop only-live" id="poster-drop">'
    '<p role="status">Drop a picture or its address here, or paste one.</p></div>'
)
CHOICE_WIDTH = 200  # px
NEEDS_REVIEW_PERMISSION = "Changing genres needs the permission to review suggestions."
GENRES_HELP = (
    "After a change, imports no longer change these genres. Pending suggestions are accepted or rejected "
    "accordingly."
)


class PosterRadios(forms.RadioSelect):
    """Posters 200 px wide, each with a link to the whole picture, which a script opens as a dialog."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        attributes = self.build_attrs(self.attrs, attrs)
        identifier, disabled = attributes.get("id", name), "disabled" if attributes.get("disabled") else ""
        chosen = "" if value is None else str(value)
        options = []
        for number, (option, label) in enumerate(self.choices):
            poster: Poster | None = getattr(option, "instance", None)
            radio = format_html(
                '<label for="{0}_{1}">'
                '<input type="radio" name="{2}" value="{3}" id="{0}_{1}" {4} {5}>{6} {7}</label>',
                identifier,
                number,
                name,
                option,
                "checked" if str(option) == chosen else "",
                disabled,
                _picture(poster) if poster else "",
                label,
            )
            options.append(format_html("<div>{} {}</div>", radio, _zoom(poster, label) if poster else ""))
        return format_html(
            '<div id="{}" class="poster-choices">{}</div>', identifier, SafeString("".join(options))
        )


def _picture(poster: Poster) -> SafeString:
    return format_html(
        '<img src="{}" alt="" width="{}" height="{}" loading="lazy">',
        poster.thumbnail.url,
        CHOICE_WIDTH,
        max(1, round(poster.height * CHOICE_WIDTH / poster.width)),
    )


def _zoom(poster: Poster, label: object) -> SafeString:
    return format_html(
        '<a href="{}" target="_blank" rel="noopener" data-zoom aria-label="Enlarge: {}">Enlarge</a>',
        poster.file.url,
        label,
    )


class AddressInput(forms.URLInput):
    """An address, and a zone on which pictures and addresses can be dropped."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        return format_html("{}{}", super().render(name, value, attrs, renderer), DROP_ZONE)


class PosterChoice(forms.ModelChoiceField):
    """The posters of a movie with their facts; `PosterRadios` shows the pictures."""

    def label_from_instance(self, poster: Poster) -> str:
        language = {NO_WORDS: "without words", "": ""}.get(poster.language, poster.language)
        facts = [poster.source, language, f"{poster.width} × {poster.height}"]
        return ", ".join(filter(None, facts))


class MovieForm(forms.ModelForm):
    """`MovieAdmin.save_related` saves `genre_choices`, `shown_poster` and the poster of a file or address."""

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
        help_text="JPEG, PNG, WebP or GIF, up to 20 MB. It is shown, and fetching does not replace it.",
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp,image/gif"}),
    )
    poster_address = forms.URLField(
        label="Poster from an address",
        required=False,
        max_length=1000,
        assume_scheme="https",
        help_text="https://… of a picture on any public website. It is stored like an upload.",
        widget=AddressInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )
    shown_poster = PosterChoice(
        Poster.objects.none(),
        label="Poster to show",
        required=False,
        blank=True,
        empty_label="automatic: by language, then resolution, then order of sources",
        widget=PosterRadios,
        help_text="Fetching does not replace a chosen poster.",
    )
    # The uploaded file's name is neither shown nor stored, so its length is not limited.
    poster_bytes: bytes | None = None
    # Before the movie was saved; empty for a new one.
    evidence_before: Mapping[int, EvidenceNow] = MappingProxyType({})

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
                f"The file has {(upload.size or 0) / 2**20:.0f} MB. "
                f"The limit is {images.MAX_BYTES // 2**20} MB.",
                code="too_many_bytes",
            )
        upload.seek(0)  # the form may be validated twice, see MovieAdmin.changeform_view
        self.poster_bytes = self._checked(upload.read())
        return upload

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        for name in EXTERNAL_IDS:
            other = self.instance.other_with(name, self.cleaned_data.get(name))
            if other is not None:
                self.add_error(name, forms.ValidationError(self._held_by(other), code="unique"))
        address = self.cleaned_data.get("poster_address")
        if address and self.cleaned_data.get("poster_upload"):
            self.add_error(
                "poster_address", forms.ValidationError("Choose a file or an address.", code="both")
            )
        elif address and not self.errors:
            # Last, so that nothing is fetched for a form with errors.
            try:
                self.poster_bytes = self._checked(fetch_picture(address))
            except (FetchError, forms.ValidationError) as error:
                self.add_error("poster_address", _as_validation_error(error))
        return cleaned

    @staticmethod
    def _checked(data: bytes) -> bytes:
        try:
            images.open_safely(data)
        except images.ImageRejected as error:
            raise forms.ValidationError(str(error), code=error.reason) from error
        return data

    def _held_by(self, other: Movie) -> SafeString:
        shown = other.merged_into or other
        link = format_html(
            '<a href="{}">{}</a>', reverse("admin:catalog_movie_change", args=[shown.pk]), shown
        )
        if shown == other:
            return format_html("This id belongs to {}.", link)
        if shown == self.instance:
            return format_html(
                "{}, which was merged into this movie, has this id. Imports find this movie by it.", other
            )
        return format_html("This id belongs to {}, which was merged into {}.", other, link)

    def changed_genres(self) -> list[Genre] | None:
        """The new genres, or None if they were not changed."""
        chosen = self.cleaned_data.get("genre_choices")
        if chosen is None or "genre_choices" not in self.changed_data:
            return None
        return list(chosen) if {genre.pk for genre in chosen} != self.held else None


def _as_validation_error(error: FetchError | forms.ValidationError) -> forms.ValidationError:
    return forms.ValidationError(str(error), code="not_fetched") if isinstance(error, FetchError) else error
