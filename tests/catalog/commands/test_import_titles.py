"""`manage.py import_titles`: each source on a small file, bad rows reported, running it again harmless."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from catalog.models import Movie, Run
from tests.factories import tiny_jpeg

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
        "12,Broken,not json,1999-01-01,\n"
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
def test_titles_come_in_and_a_bad_row_is_reported_with_its_file_line_and_reason(
    source: Callable[[Path], list[object]], tmp_path: Path
) -> None:
    out, err = run(*source(tmp_path))
    assert "3 created, 0 changed, 0 unchanged" in out
    assert "1 rejected." in out
    assert ".csv, line 5: " in err
    assert Movie.objects.count() == 3
    assert Movie.objects.untagged().count() == (0 if source is imdb5000 else 2 if source is tmdb5000 else 1)
    made = Run.objects.get()
    assert (made.kind, made.done, made.failed, made.params["source"]) == ("import", 3, 1, source(tmp_path)[0])


@pytest.mark.parametrize("source", SOURCES)
def test_running_it_again_changes_nothing(source: Callable[[Path], list[object]], tmp_path: Path) -> None:
    arguments = source(tmp_path)
    run(*arguments)
    before = list(Movie.objects.values())
    out, _ = run(*arguments)
    assert "0 created, 0 changed, 3 unchanged" in out
    assert list(Movie.objects.values()) == before


def test_sources_meet_in_one_movie(tmp_path: Path) -> None:
    run(*movielens(tmp_path))
    run(*tmdb5000(tmp_path))
    run(*imdb5000(tmp_path))
    toy_story = Movie.objects.get(tmdb_id=862)
    assert (toy_story.movielens_id, toy_story.imdb_id, toy_story.overview) == (1, "tt0114709", "Toys.")


def test_a_row_the_catalogue_refuses_is_reported_with_its_line_too(tmp_path: Path) -> None:
    run(*movielens(tmp_path))
    (tmp_path / "clash.csv").write_text("imdb_id,tmdb_id,title\ntt0114709,9087,Mixed up\n")
    _, err = run("csv", tmp_path / "clash.csv")
    assert "clash.csv, line 2: Mixed up: its ids belong to different movies: " in err


def test_only_the_first_of_many_bad_rows_are_shown(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("id,title\n" + ",No id\n" * 30)
    out, err = run("csv", tmp_path / "mine.csv")
    assert "30 rejected." in out
    assert len(err.splitlines()) == 21
    assert "and 10 more" in err


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"nowhere\.csv"):
        run("csv", tmp_path / "nowhere.csv")
    assert Run.objects.get().state == Run.State.FAILED
