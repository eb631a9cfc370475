"""`manage.py import_titles` with a small file of each format."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from catalog.models import ImportChange, Movie, Run
from catalog.runs import local_worker
from catalog.titles import undo
from catalog.titles.formats.registry import TITLE_FORMATS
from tests.catalog.titles.formats.published_headers import HEADERS
from tests.factories import MovieFactory, tiny_jpeg
from tests.ml.csv_files.packed_files import gzipped, written

pytestmark = pytest.mark.django_db


def run(*arguments: object) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("import_titles", *map(str, arguments), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


TMDB = {"id": "#", "title": "Salt Orchard", "release_date": "2009-12-10"}
# By published file: the cells of each row, where # stands for the row's id.
CELLS = {
    "movies.csv": {"movieId": "#", "title": "Salt Orchard (2009)", "genres": "Sci-Fi"},
    "tmdb_5000_movies.csv": {**TMDB, "genres": '[{"id": 878, "name": "Science Fiction"}]'},
    "movies_metadata.csv": {**TMDB, "genres": "[{'id': 878, 'name': 'Science Fiction'}]", "adult": "False"},
    "TMDB_movie_dataset_v11.csv": {**TMDB, "genres": "Science Fiction", "adult": "False"},
    "movie_metadata.csv": {
        "genres": "Sci-Fi",
        "movie_title": "Salt Orchard\u00a0",
        "movie_imdb_link": "http://www.imdb.com/title/tt000000#/?ref_=fn_tt_tt_1",
        "title_year": "2009",
    },
    "MovieGenre.csv": {"imdbId": "#", "Title": "Salt Orchard (2009)", "Genre": "Sci-Fi"},
    "title.basics.tsv": {
        "tconst": "tt000000#",
        "titleType": "movie",
        "primaryTitle": "Salt Orchard",
        "isAdult": "0",
        "startYear": "2009",
        "genres": "Sci-Fi",
    },
    "own_movielens.csv": {"movieId": "#", "title": "Salt Orchard", "genres": "Sci-Fi", "year": "2009"},
    "labels.csv": {"file": "#.jpg", "category": "Boots"},
}
JSON = "movie_ids_11_22_2026.json"
EXPECTED = {JSON: ("Blondie", None, []), "labels.csv": ("1", None, ["Boots"])}


@pytest.mark.parametrize("name", [*CELLS, JSON])
def test_titles_are_imported_once_and_a_bad_row_is_reported(tmp_path: Path, name: str) -> None:
    source, header = HEADERS[name]
    text = io.StringIO(newline="")
    if name == JSON:
        text.writelines(header.replace("3924", number) + "\n" for number in "123x")
    else:
        delimiter = "\t" if "\t" in header else ","
        table = csv.DictWriter(text, header.split(delimiter), restval="", delimiter=delimiter)
        table.writeheader()
        table.writerows({key: cell.replace("#", n) for key, cell in CELLS[name].items()} for n in "123x")
    path = written(tmp_path, name, text.getvalue())
    for number in range(1, 4):
        (tmp_path / f"{number}.jpg").write_bytes(tiny_jpeg(number))
    dry, dry_rows = run("auto", tmp_path, "--dry-run")
    assert not Movie.objects.exists() and not Run.objects.exists()
    out, err = run(tmp_path)
    assert f"{name} is read as {source}, by its columns." in out
    assert "3 created, 0 changed, 0 unchanged" in out and "1 rejected." in out
    assert f"{name}, line {4 if name == JSON else 5}: " in err
    assert "Dry run, nothing was changed: " in dry
    assert dry[dry.index("3 created") :] == out[out.index("3 created") :]
    assert dry_rows.splitlines()[0] == err.splitlines()[0]
    movie = Movie.objects.earliest("pk")
    facts = (movie.title, movie.year, [genre.name for genre in movie.genres.all()])
    assert facts == EXPECTED.get(name, ("Salt Orchard", 2009, ["Sci-Fi"]))
    made = Run.objects.get(kind="import")
    assert (made.done, made.failed, made.params["source"]) == (3, 1, source)
    before = list(Movie.objects.values())
    again = ["folder", tmp_path, "--labels", path] if source == "folder" else [source, path]
    assert "0 created, 0 changed, 3 unchanged" in run(*again)[0]
    assert list(Movie.objects.values()) == before


def test_only_the_first_of_many_bad_rows_are_shown(tmp_path: Path) -> None:
    out, err = run("csv", written(tmp_path, "mine.csv", "id,title\n" + ",No id\n" * 30))
    assert "30 rejected." in out
    assert len(err.splitlines()) == 22
    assert "and 10 more" in err and "import-" in err.splitlines()[-1]


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"nowhere\.csv"):
        run("csv", tmp_path / "nowhere.csv")
    assert Run.objects.get().state == Run.State.FAILED


def test_skipped_rows_are_counted_unless_included(tmp_path: Path) -> None:
    header = "tconst\ttitleType\tisAdult\tprimaryTitle\toriginalTitle\tstartYear\tgenres\n"
    types = ("movie\t0", "tvEpisode\t0", "tvEpisode\t0", "movie\t1")
    rows = "".join(f"tt000000{n}\t{kind}\tA\tA\t\\N\t\\N\n" for n, kind in enumerate(types, 1))
    path = gzipped(tmp_path / "title.basics.tsv.gz", header + rows)
    out, _ = run(path)
    assert "3 skipped: 2 tvEpisode, 1 adult." in out
    assert "1 created" in out and "0 rejected" in out
    out, _ = run("imdb_basics", path, "--types", "movie,tvepisode", "--adult")
    assert "skipped" not in out
    assert Movie.objects.count() == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense", "x.csv"], "no format 'nonsense'; the formats are imdb_basics, "),
        (["movielens"], "import_titles movielens PATH"),
        (["nowhere.csv"], "nowhere.csv does not exist"),
        (["folder", "."], "--labels"),
        (["csv", ".", "--labels", "x.csv"], "--labels"),
    ],
)
def test_wrong_arguments_are_an_error(arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    assert message in str(caught.value)
    assert not Run.objects.exists()


def test_help_lists_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call_command("import_titles", "--help")
    text = capsys.readouterr().out
    assert [source.name for source in TITLE_FORMATS if source.name not in text] == []


def test_merge(tmp_path: Path) -> None:
    MovieFactory(title="Heat", year=1995, imdb_id="tt0113277", tmdb_id=None)
    MovieFactory(title="Heat", year=1995, imdb_id=None, tmdb_id=949)
    row = "imdb_id,tmdb_id,title,year\ntt0113277,949,Heat,1995\n"
    out, _ = run("csv", written(tmp_path, "both.csv", row), "--merge")
    assert "1 merged" in out and "0 conflicting" in out
    assert Movie.objects.count() == 1


IMAGES = "https://image.tmdb.org/t/p/w300_and_h450_bestv2"


@pytest.fixture
def films() -> list[Movie]:
    return [MovieFactory(tmdb_id=number, imdb_id=f"tt000000{number}") for number in (1, 2, 3)]


def posters(folder: Path, *rows: str, header: str = "id,poster") -> Path:
    return written(folder, "posters.csv", "\n".join([header, *rows, ""]))


def addresses() -> list[str]:
    return list(Movie.objects.order_by("pk").values_list("poster_url", flat=True))


def test_addresses_are_imported_once(tmp_path: Path, films: list[Movie]) -> None:
    rows = (f"1,{IMAGES}/a.jpg", "2,", *[f"3,{IMAGES}/c.jpg"] * 2, f"9,{IMAGES}/d.jpg")
    file = posters(tmp_path, *rows)
    dry, _ = run(file, "--ids", "tmdb", "--dry-run")
    assert addresses() == ["", "", ""]
    out, _ = run(file, "--ids", "tmdb")
    for text in (dry, out):
        assert "0 created, 2 changed, 0 unchanged, 1 repeated, 1 conflicting, 0 rejected" in text
        assert "Ids read as TMDB ids." in text
        assert "1 without an address" in text
    assert addresses() == [f"{IMAGES}/a.jpg", "", f"{IMAGES}/c.jpg"]
    assert "TMDB id 9" in Run.objects.get().params["conflicting"][0]
    before = list(Movie.objects.order_by("pk").values())
    assert "0 created, 0 changed, 2 unchanged" in run(file)[0]
    assert list(Movie.objects.order_by("pk").values()) == before


@pytest.mark.parametrize(
    "address",
    [
        "http://image.tmdb.org/t/p/w500/a.jpg",
        "https://image.tmdb.org:8443/t/p/w500/a.jpg",
        "https://image.tmdb.org.example.org/t/p/w500/a.jpg",
        "https://user@image.tmdb.org/t/p/w500/a.jpg",
        "https://127.0.0.1/t/p/w500/a.jpg",
        "https://image.tmdb.org/assets/logo.svg",
        "https://api.themoviedb.org/3/movie/1",
        "/t/p/w500/a.jpg",
        "https://image.tmdb.org/t/p/w500/" + "a" * 2_000 + ".jpg",
    ],
)
def test_an_address_of_no_poster_source_is_rejected(tmp_path: Path, films: list[Movie], address: str) -> None:
    out, _ = run(posters(tmp_path, f"1,{address}", f"2,{IMAGES}/b.jpg"), "--ids", "tmdb")
    assert "1 changed" in out and "0 conflicting, 1 rejected" in out
    assert "line 2" in Run.objects.get().params["rejected"][0]
    assert addresses() == ["", f"{IMAGES}/b.jpg", ""]


def test_a_file_of_addresses_is_detected_with_any_ids(tmp_path: Path, films: list[Movie]) -> None:
    media = "https://m.media-amazon.com/images/M/abc._V1_UX182_CR0,0,182,268_AL_.jpg"
    out, _ = run(posters(tmp_path, f'tt0000001,"{media}"', header="imdb_id,poster_url"))
    assert "read as poster_urls" in out and "Ids read as IMDb ids." in out and "1 changed" in out
    Movie.objects.filter(pk=films[1].pk).update(local_id="mine")
    assert "1 changed" in run(posters(tmp_path, f"mine,{IMAGES}/b.jpg"))[0]
    assert addresses() == [media, f"{IMAGES}/b.jpg", ""]
    assert "read as csv" in run(posters(tmp_path, "1,Heat,", header="id,title,poster"))[0]


def test_undoing_the_import_restores_the_addresses(tmp_path: Path, films: list[Movie]) -> None:
    run(posters(tmp_path, f"1,{IMAGES}/a.jpg", f"2,{IMAGES}/b.jpg"), "--ids", "tmdb")
    run(posters(tmp_path, f"1,{IMAGES}/z.jpg", f"3,{IMAGES}/c.jpg"))
    done = local_worker.process_run(undo.start(Run.objects.order_by("-pk")[0], queue=False))
    assert done.state == Run.State.DONE
    assert addresses() == [f"{IMAGES}/a.jpg", f"{IMAGES}/b.jpg", ""]
    assert ImportChange.objects.count() == 4
