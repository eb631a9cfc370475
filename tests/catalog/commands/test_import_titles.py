"""`manage.py import_titles` with a small file of each format."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from catalog.models import Movie, Run
from catalog.titles.formats.registry import TITLE_FORMATS
from tests.factories import tiny_jpeg
from tests.ml.csv_files.packed_files import gzipped

pytestmark = pytest.mark.django_db


def run(*arguments: object) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("import_titles", *map(str, arguments), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def movielens(folder: Path) -> list[object]:
    (folder / "movies.csv").write_text(
        "movieId,title,genres\n"
        "1,Toy Story (1995),Adventure|Children|Fantasy\n"
        '11,"American President, The (1995)",Comedy|Drama\n'
        "83,Once Upon a Time (1995),(no genres listed)\n"
        "x,Broken (1999),Drama\n"
    )
    (folder / "links.csv").write_text("movieId,imdbId,tmdbId\n1,0114709,862\n11,0112346,9087\n83,0114039,\n")
    return ["movielens", folder]


def tmdb5000(folder: Path) -> list[object]:
    (folder / "tmdb.csv").write_text(
        "id,title,genres,release_date,overview\n"
        '862,Toy Story,"[{""id"": 16, ""name"": ""Animation""}]",1995-10-30,Toys.\n'
        "9087,The American President,[],1995-11-17,\n"
        "11,Untagged,[],1999-01-01,\n"
        "12,Broken,[not json,1999-01-01,\n"
    )
    return ["tmdb5000", folder / "tmdb.csv"]


def imdb5000(folder: Path) -> list[object]:
    link = "http://www.imdb.com/title/tt{}/?ref_=fn_tt_tt_1"
    (folder / "imdb.csv").write_text(
        "movie_title,genres,movie_imdb_link,title_year\n"
        f"Toy Story\u00a0,Adventure|Animation,{link.format('0114709')},1995\n"
        f"The American President\u00a0,Comedy,{link.format('0112346')},1995\n"
        f"No Year\u00a0,Drama,{link.format('0112347')},\n"
        "Broken,Drama,nowhere,1999\n",
        encoding="utf-8",
    )
    return ["imdb5000", folder / "imdb.csv"]


def own_csv(folder: Path) -> list[object]:
    (folder / "mine.csv").write_text(
        'id,title,genres\n1,Toy Story,"animation, comedy"\n2,The President,romance\n3,Arrival,\n,Broken,\n'
    )
    return ["csv", folder / "mine.csv"]


def images(folder: Path) -> list[object]:
    for number in range(3):
        (folder / f"{number}.jpg").write_bytes(tiny_jpeg(number))
    (folder / "labels.csv").write_text("file,category\n0.jpg,Boots\n1.jpg,Shoes\n2.jpg,\n9.jpg,Boots\n")
    return ["folder", folder, "--labels", folder / "labels.csv"]


SOURCES = [movielens, tmdb5000, imdb5000, own_csv, images]


@pytest.mark.parametrize("source", SOURCES)
def test_titles_are_imported_once_and_a_bad_row_is_reported(
    source: Callable[[Path], list[object]], tmp_path: Path
) -> None:
    arguments = source(tmp_path)
    dry, dry_rows = run(*arguments, "--dry-run")
    assert not Movie.objects.exists() and not Run.objects.exists()
    out, err = run(*arguments)
    assert "3 created, 0 changed, 0 unchanged" in out and "1 rejected." in out
    assert ".csv, line 5: " in err
    assert dry.startswith("Dry run, nothing was changed: ")
    assert dry.partition(": ")[2] == out.partition(": ")[2]
    assert dry_rows.splitlines()[0] == err.splitlines()[0]
    untagged = 0 if source is imdb5000 else 2 if source is tmdb5000 else 1
    assert (Movie.objects.count(), Movie.objects.untagged().count()) == (3, untagged)
    made = Run.objects.get(kind="import")
    assert (made.kind, made.done, made.failed, made.params["source"]) == ("import", 3, 1, arguments[0])
    before = list(Movie.objects.values())
    assert "0 created, 0 changed, 3 unchanged" in run(*arguments)[0]
    assert list(Movie.objects.values()) == before


def test_sources_update_one_movie(tmp_path: Path) -> None:
    run(*movielens(tmp_path))
    run(*tmdb5000(tmp_path))
    run(*imdb5000(tmp_path))
    toy_story = Movie.objects.get(tmdb_id=862)
    assert (toy_story.movielens_id, toy_story.imdb_id, toy_story.overview) == (1, "tt0114709", "Toys.")


def test_only_the_first_of_many_bad_rows_are_shown(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("id,title\n" + ",No id\n" * 30)
    out, err = run("csv", tmp_path / "mine.csv")
    assert "30 rejected." in out
    assert len(err.splitlines()) == 22
    assert "and 10 more" in err and "import-" in err.splitlines()[-1]


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"nowhere\.csv"):
        run("csv", tmp_path / "nowhere.csv")
    assert Run.objects.get().state == Run.State.FAILED


@pytest.mark.parametrize("source", [movielens, imdb5000, own_csv])
def test_the_format_is_detected(source: Callable[[Path], list[object]], tmp_path: Path) -> None:
    name, place = source(tmp_path)
    out, _ = run(place)
    assert f" is read as {name}, by its columns." in out
    assert Run.objects.get().params["source"] == name
    run("auto", place)
    out, _ = run(name, place)
    assert "0 created, 0 changed, 3 unchanged" in out


def test_a_folder_of_images_is_detected(tmp_path: Path) -> None:
    _, folder, _, labels = images(tmp_path)
    out, _ = run(folder)
    assert "labels.csv is read as folder, by its columns." in out
    assert "3 created, 0 changed, 0 unchanged, 3 posters stored" in out
    out, _ = run(folder, "--labels", labels)
    assert "0 created, 0 changed, 3 unchanged" in out


def test_skipped_rows_are_counted(tmp_path: Path) -> None:
    path = gzipped(
        tmp_path / "title.basics.tsv.gz",
        "tconst\ttitleType\tprimaryTitle\toriginalTitle\tisAdult\tstartYear\tendYear\truntimeMinutes\tgenres\n"
        "tt0000001\tmovie\tA\tA\t0\t1990\t\\N\t\\N\tDrama\n"
        "tt0000002\ttvEpisode\tB\tB\t0\t1990\t\\N\t\\N\tDrama\n"
        "tt0000003\ttvEpisode\tC\tC\t0\t1990\t\\N\t\\N\tDrama\n"
        "tt0000004\tmovie\tD\tD\t1\t1990\t\\N\t\\N\tDrama\n",
    )
    out, _ = run(path)
    assert "3 skipped: 2 tvEpisode, 1 adult." in out
    assert "1 created" in out and "0 rejected" in out
    out, _ = run("imdb_basics", path, "--types", "movie,tvepisode", "--adult")
    assert "left out" not in out
    assert Movie.objects.count() == 4


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nonsense", "x.csv"], "no format 'nonsense'; the formats are imdb_basics, "),
        (["movielens"], "import_titles movielens PATH"),
        (["nowhere.csv"], "nowhere.csv does not exist"),
        (["folder", "."], "--labels"),
        (["csv", ".", "--labels", "x.csv"], "--labels"),
    ],
)
def test_wrong_arguments_are_an_error(arguments: list[str], sentence: str) -> None:
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    assert sentence in str(caught.value)
    assert not Run.objects.exists()


def test_help_lists_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call_command("import_titles", "--help")
    told = capsys.readouterr().out
    assert [source.name for source in TITLE_FORMATS if source.name not in told] == []


def test_merge(tmp_path: Path) -> None:
    for name, text in {
        "one.csv": "imdb_id,title,year\ntt0113277,Heat,1995\n",
        "other.csv": "tmdb_id,title,year\n949,Heat,1995\n",
        "both.csv": "imdb_id,tmdb_id,title,year\ntt0113277,949,Heat,1995\n",
    }.items():
        (tmp_path / name).write_text(text)
    run("csv", tmp_path / "one.csv")
    run("csv", tmp_path / "other.csv")
    out, _ = run("csv", tmp_path / "both.csv", "--merge")
    assert "1 merged" in out and "0 conflicting" in out
    assert Movie.objects.count() == 1
