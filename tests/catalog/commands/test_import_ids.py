"""`import_titles --ids`: the kind of ids in a column `id`, which is remembered for the file."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from catalog.models import ImportChange, ImportedFile, Movie, Run
from catalog.runs import local_worker
from catalog.titles import undo
from tests.factories import MovieFactory, tiny_jpeg
from tests.ml.csv_files.packed_files import zipped

pytestmark = pytest.mark.django_db

# As pandas writes a table of films: its index comes first and has no name.
RECIPE = (
    ",id,title,genres\n"
    '0,862,Toy Story,"animation, comedy, family"\n'
    "1,8844,Jumanji,\"['Adventure', 'Fantasy']\"\n"
    '2,15602,Grumpier Old Men,"[{""id"": 35, ""name"": ""Comedy""}]"\n'
    '3,862,Toy Story,"animation, comedy, family"\n'
    "4,124057,Kids of the Round Table,\n"
)


def run(*arguments: object) -> str:
    out = io.StringIO()
    call_command("import_titles", *map(str, arguments), stdout=out, stderr=io.StringIO())
    return out.getvalue()


def recipe(folder: Path, text: str = RECIPE, name: str = "movie_code.csv") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The recipe's file, imported with local ids."""
    path = recipe(tmp_path)
    assert "--ids tmdb" in run(path)
    return path


@pytest.fixture
def unrecorded(file: Path) -> Path:
    """The same, imported by a version that did not remember files."""
    ImportedFile.objects.all().delete()
    return file


def undo_second_import() -> None:
    second = Run.objects.filter(kind="import").order_by("pk")[1]
    assert local_worker.process_run(undo.start(second, queue=False)).state == Run.State.DONE


def ids() -> list[tuple[Any, ...]]:
    return list(Movie.objects.order_by("pk").values_list("title", "imdb_id", "tmdb_id", "local_id"))


def test_the_file_of_the_recipe_with_tmdb_ids(tmp_path: Path) -> None:
    dry = run(recipe(tmp_path), "--ids", "tmdb", "--dry-run")
    assert "4 created" in dry and "Ids read as TMDB ids." in dry
    assert not ImportedFile.objects.exists()
    out = run(recipe(tmp_path), "--ids", "tmdb")
    assert "4 created" in out and "1 repeated, 0 conflicting, 0 rejected" in out
    assert "Ids read as TMDB ids." in out
    made = Run.objects.get()
    assert (made.total, made.done, made.failed, made.params["rejected"]) == (5, 5, 0, [])
    assert ids()[0] == ("Toy Story", None, 862, None)
    genres = {movie.title: [str(genre) for genre in movie.genres.all()] for movie in Movie.objects.all()}
    assert genres["Toy Story"] == ["Animation", "Comedy", "Family"]
    assert genres["Jumanji"] == ["Adventure", "Fantasy"]
    assert genres["Grumpier Old Men"] == ["Comedy"]
    assert genres["Kids of the Round Table"] == []


def test_ids_are_local_by_default(file: Path) -> None:
    assert ids()[0] == ("Toy Story", None, None, "862")
    assert "--ids tmdb" not in run(file, "--ids", "local")
    assert Movie.objects.count() == 4


def test_movies_imported_with_local_ids_get_their_tmdb_ids(file: Path) -> None:
    before = list(Movie.objects.values_list("pk", flat=True))
    dry = run(file, "--ids", "tmdb", "--dry-run")
    out = run(file, "--ids", "tmdb")
    counted = "0 created, 4 changed, 0 unchanged, 1 repeated, 0 conflicting, 0 rejected"
    assert counted in dry and counted in out
    assert list(Movie.objects.values_list("pk", flat=True)) == before
    assert ids()[0] == ("Toy Story", None, 862, "862")
    # An import that was interrupted in the middle is continued, and one that was undone.
    Movie.objects.filter(tmdb_id=862).update(tmdb_id=None)
    assert "0 created, 1 changed, 3 unchanged" in run(file)
    undo_second_import()
    assert set(Movie.objects.values_list("tmdb_id", flat=True)) == {None}
    assert "0 created, 4 changed" in run(file)


def test_movies_of_an_unrecorded_import_get_their_tmdb_ids(unrecorded: Path) -> None:
    # A movie of another file: no reason to reject the row.
    Movie.objects.filter(local_id="862").update(title="My Holidays")
    assert "1 created, 3 changed, 0 unchanged, 1 repeated, 0 conflicting" in run(unrecorded, "--ids", "tmdb")
    assert Movie.objects.get(tmdb_id=862).title == "Toy Story"


def test_an_unrecorded_import_can_be_continued_and_undone(unrecorded: Path) -> None:
    run(unrecorded, "--ids", "tmdb")
    Movie.objects.filter(tmdb_id=8844).update(tmdb_id=None)
    assert "0 created, 1 changed, 3 unchanged" in run(unrecorded, "--ids", "tmdb")
    undo_second_import()
    assert "0 created" in run(unrecorded)
    assert Movie.objects.count() == 4


def test_titles_are_compared_without_case_and_accents(tmp_path: Path) -> None:
    file = recipe(tmp_path, ",id,title,genres\n0,1,???,\n1,2,Amélie (Fabuleux destin),\n")
    run(file)
    Movie.objects.filter(local_id="2").update(title="AMELIE")
    assert "0 created, 2 changed" in run(file, "--ids", "tmdb")


def test_a_former_local_id_matches_only_the_same_title(file: Path) -> None:
    Movie.objects.filter(local_id="862").update(title="My Holidays")
    MovieFactory(title="Jumanji", tmdb_id=8844)
    other = MovieFactory(title="Elsewhere", tmdb_id=99)
    Movie.objects.filter(local_id="15602").update(tmdb_id=98)
    recipe(file.parent, RECIPE + "5,99,Elsewhere,drama\n")
    MovieFactory(title="Ninety-nine", local_id="99", tmdb_id=None)
    out = run(file, "--ids", "tmdb")
    # Three rows, one of which names two movies: that pair waits for a person.
    assert "0 created, 2 changed" in out
    assert "3 conflicting (1 proposed as duplicates)" in out
    assert Movie.objects.get(title="My Holidays").tmdb_id is None
    assert Movie.objects.get(local_id="15602").tmdb_id == 98
    assert Movie.objects.get(title="Ninety-nine").tmdb_id is None
    assert ImportChange.objects.filter(movie=other).exists()


def test_the_choice_is_remembered_for_the_same_path_and_for_the_same_content(tmp_path: Path) -> None:
    run(recipe(tmp_path / "a"), "--ids", "tmdb")
    # More rows in the same place, and the same rows in another.
    out = run(recipe(tmp_path / "a", RECIPE + "5,949,Heat,crime\n"))
    assert "1 created" in out and "Ids read as TMDB ids, as in its last import." in out
    copied = recipe(tmp_path / "b", RECIPE + "5,949,Heat,crime\n", "copied.csv")
    assert "0 created, 0 changed" in run("csv", copied)
    assert Movie.objects.filter(tmdb_id=None).count() == 0
    # Other columns, or another file of that name, are another file.
    assert "local" in run(recipe(tmp_path / "a", "id,title,genres\nx,Other,\n"))
    assert "local" in run(recipe(tmp_path / "c", RECIPE + "6,x,Another,\n"))


def test_a_file_in_a_zip_is_remembered(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"data/movie_code.csv": RECIPE})
    run(path, "--ids", "tmdb")
    assert "0 created, 0 changed, 4 unchanged" in run(path)


@pytest.mark.parametrize(
    ("kind", "good", "field", "value", "bad"),
    [
        ("tmdb", "862.0", "tmdb_id", 862, "tt0114709"),
        ("imdb", "114709", "imdb_id", "tt0114709", "862x"),
        ("movielens", "1", "movielens_id", 1, "-1"),
    ],
)
def test_an_id_of_another_kind_is_rejected(
    tmp_path: Path, kind: str, good: str, field: str, value: object, bad: str
) -> None:
    file = recipe(tmp_path, f"id,title\n{good},Good\n{bad},Bad\n,None\n")
    out = run(file, "--ids", kind)
    assert "1 created" in out and "2 rejected" in out
    assert getattr(Movie.objects.get(), field) == value
    [first, second] = Run.objects.get().params["rejected"]
    assert bad in first and "line 3" in first and "no id" in second


def test_two_different_ids_of_one_kind_are_rejected(tmp_path: Path) -> None:
    out = run(recipe(tmp_path, "id,tmdb_id,title\n1,1,One\n2,3,Two\n4,,Four\n"), "--ids", "tmdb")
    assert "2 created" in out and "1 rejected" in out


def test_formats_report_how_ids_are_read_and_some_define_them(tmp_path: Path) -> None:
    recipe(tmp_path, "movieId,title,genres\n1,Toy Story (1995),Comedy\n", "movies.csv")
    named = recipe(tmp_path, "imdb_id,tmdb_id,title\ntt0113277,949,Heat\n")
    for arguments in (["movielens", tmp_path], [named]):
        with pytest.raises(CommandError, match="--ids"):  # the format defines them
            run(*arguments, "--ids", "tmdb")
    assert not Run.objects.exists()
    assert "Ids read as MovieLens ids" in run("movielens", tmp_path)
    assert "Ids read as IMDb ids and TMDB ids." in run(named)
    (tmp_path / "0.jpg").write_bytes(tiny_jpeg(0))
    labels = recipe(tmp_path, "file,id\n0.jpg,777\n", "labels.csv")
    assert "Ids read as TMDB ids." in run("folder", tmp_path, "--labels", labels, "--ids", "tmdb")
    assert Movie.objects.get(tmdb_id=777).local_id is None
