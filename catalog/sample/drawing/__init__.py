"""Draws the sample films' posters: the same film gives the same bytes."""

import io
from pathlib import Path

from catalog.sample.films import SampleFilm, sample_films
from ml.files import write_bytes


def draw_poster(film: SampleFilm) -> bytes:
    """The film's poster as JPEG bytes, 600 by 900 pixels."""
    from catalog.sample.drawing.composition import compose

    original = next((other for other in sample_films() if other.title == film.edition_of), None)
    out = io.BytesIO()
    compose(film, original).save(out, "JPEG", quality=90, subsampling=0)
    return out.getvalue()


def kept_poster(film: SampleFilm, folder: Path) -> bytes:
    """The film's poster from ``folder``, drawn and kept there if it is not there yet.

    Writers may race: each writes a file of its own and renames it, and all write the same bytes.
    """
    path = folder / f"{film.tmdb_id}.jpg"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    data = draw_poster(film)
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(path, data)
    return data
