"""`import_titles poster_urls`: addresses of posters by the ids of movies."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from catalog.duplicates import merging
from catalog.models import ImportChange, Movie, Run
from catalog.runs import local_worker
from catalog.titles import undo
from tests.factories import MovieFactory

pytestmark = pytest.mark.django_db

SHOWN = "https://image.tmdb.org/t/p/w300_and_h450_bestv2"


def run(*arguments: object) -> str:
    out = io.StringIO()
    call_command("import_titles", *map(str, arguments), stdout=out, stderr=io.StringIO())
    return out.getvalue()


@pytest.fixture
def films() -> list[Movie]:
    return [MovieFactory(tmdb_id=number, imdb_id=f"tt000000{number}") for number in (1, 2, 3)]


def posters(folder: Path, *rows: str, header: str = "id,poster") -> Path:
    (folder / "posters.csv").write_text("\n".join([header, *rows, ""]))
    return folder / "posters.csv"


def addresses() -> list[str]:
    return list(Movie.objects.order_by("pk").values_list("poster_url", flat=True))


def test_addresses_are_imported_once(tmp_path: Path, films: list[Movie]) -> None:
    file = posters(
        tmp_path, f"1,{SHOWN}/a.jpg", "2,", f"3,{SHOWN}/c.jpg", f"3,{SHOWN}/c.jpg", f"9,{SHOWN}/d.jpg"
    )
    dry = run(file, "--ids", "tmdb", "--dry-run")
    assert addresses() == ["", "", ""]
    out = run(file, "--ids", "tmdb")
    for said in (dry, out):
        assert "0 created, 2 changed, 0 unchanged, 1 repeated, 1 conflicting, 0 rejected" in said
        assert "Ids read as TMDB ids." in said
        assert "1 without an address" in said
    assert addresses() == [f"{SHOWN}/a.jpg", "", f"{SHOWN}/c.jpg"]
    assert "TMDB id 9" in Run.objects.get().params["conflicting"][0]
    before = list(Movie.objects.order_by("pk").values())
    assert "0 created, 0 changed, 2 unchanged" in run(file)
    assert list(Movie.objects.order_by("pk").values()) == before


@pytest.mark.parametrize(
    "address",
    [
        "http://image.tmdb.org/t/p/w500/a.jpg",
        "https://image.tmdb.org:8443/t/p/w500/a.jpg",
        "https://image.tmdb.org.example.org/t/p/w500/a.jpg",
        "https://example.org/t/p/w500/a.jpg",
        "https://user@image.tmdb.org/t/p/w500/a.jpg",
        "https://127.0.0.1/t/p/w500/a.jpg",
        "https://image.tmdb.org/assets/logo.svg",
        "https://api.themoviedb.org/3/movie/1",
        "ftp://image.tmdb.org/t/p/w500/a.jpg",
        "/t/p/w500/a.jpg",
        "not an address",
        "https://image.tmdb.org/t/p/w500/" + "a" * 2_000 + ".jpg",
    ],
)
def test_an_address_of_no_poster_source_is_rejected(tmp_path: Path, films: list[Movie], address: str) -> None:
    out = run(posters(tmp_path, f"1,{address}", f"2,{SHOWN}/b.jpg"), "--ids", "tmdb")
    assert "1 changed" in out and "0 conflicting, 1 rejected" in out
    assert "line 2" in Run.objects.get().params["rejected"][0]
    assert addresses() == ["", f"{SHOWN}/b.jpg", ""]


def test_the_format_is_detected_with_any_ids(tmp_path: Path, films: list[Movie]) -> None:
    media = "https://m.media-amazon.com/images/M/abc._V1_UX182_CR0,0,182,268_AL_.jpg"
    out = run(posters(tmp_path, f'tt0000001,"{media}"', header="imdb_id,poster_url"))
    assert "read as poster_urls" in out and "Ids read as IMDb ids." in out and "1 changed" in out
    Movie.objects.filter(pk=films[1].pk).update(local_id="mine")
    assert "1 changed" in run(posters(tmp_path, f"mine,{SHOWN}/b.jpg"))
    assert addresses() == [media, f"{SHOWN}/b.jpg", ""]


def test_a_film_with_titles_and_a_poster_column_is_a_csv_of_titles(tmp_path: Path) -> None:
    assert "read as csv" in run(posters(tmp_path, "1,Heat,", header="id,title,poster"))


def test_undoing_the_import_restores_the_addresses(tmp_path: Path, films: list[Movie]) -> None:
    run(posters(tmp_path, f"1,{SHOWN}/a.jpg", f"2,{SHOWN}/b.jpg"), "--ids", "tmdb")
    run(posters(tmp_path, f"1,{SHOWN}/z.jpg", f"3,{SHOWN}/c.jpg"))
    done = local_worker.process_run(undo.start(Run.objects.order_by("-pk")[0], queue=False))
    assert done.state == Run.State.DONE
    assert addresses() == [f"{SHOWN}/a.jpg", f"{SHOWN}/b.jpg", ""]
    assert ImportChange.objects.count() == 4


def test_a_merge_keeps_an_address(films: list[Movie], settings: Any) -> None:
    Movie.objects.filter(pk=films[1].pk).update(poster_url=f"{SHOWN}/b.jpg", tmdb_id=None, imdb_id=None)
    merging.merge_movies(films[0], [Movie.objects.get(pk=films[1].pk)])
    assert addresses() == [f"{SHOWN}/b.jpg", ""]
