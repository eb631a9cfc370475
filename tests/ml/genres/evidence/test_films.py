"""What is known of films, and what a setting selects of it."""

import numpy as np
import pytest

from ml.genres.evidence.films import PARTS, Films, parse_evidence
from tests.ml.genres.evidence.made_models import make_films


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("all", PARTS),
        (" ALL ", PARTS),
        ("poster", ("poster",)),
        ("year,Title , poster", ("poster", "title", "year")),
    ],
)
def test_a_setting_names_parts(text, parts):
    assert parse_evidence(text) == parts


@pytest.mark.parametrize("text", ["", "posters", "poster,,title", "all,poster", "poster;title"])
def test_a_wrong_setting_is_refused(text):
    with pytest.raises(ValueError, match="no part of the evidence"):
        parse_evidence(text)


def test_everything_else_becomes_missing():
    films = make_films().only(("title", "year"))
    assert len(films.vectors) == len(films.owners) == 0
    assert films.overviews == ["", "", ""]
    assert list(films.titles) == list(make_films().titles)
    assert make_films().only(("overview",)).years.tolist() == [0, 0, 0]


def test_a_subset_keeps_each_films_posters():
    films = make_films()
    some = films.subset(np.array([2, 1]))
    assert some.titles == [films.titles[2], films.titles[1]]
    assert sorted(some.owners.tolist()) == [0, 1, 1]
    assert (some.vectors[some.owners == 0] == films.vectors[3]).all()


@pytest.mark.parametrize(
    "changes",
    [{"years": np.zeros(2, dtype=np.int64)}, {"owners": np.array([0, 3])}, {"vectors": np.zeros(3)}],
)
def test_parts_that_do_not_fit(changes):
    films = {
        "vectors": np.zeros((2, 6), dtype=np.float32),
        "owners": np.array([0, 1]),
        "titles": ["A", "B", "C"],
        "years": np.zeros(3, dtype=np.int64),
        "overviews": [""] * 3,
    }
    with pytest.raises(ValueError):
        Films(**{**films, **changes})
