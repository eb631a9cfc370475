"""The invented films: enough of each genre, some untagged, nothing twice."""

from collections import Counter

from catalog.sample.films import FEWEST_TAGGED, GENRES, SampleFilm, sample_films


def by_title() -> dict[str, SampleFilm]:
    return {film.title: film for film in sample_films()}


def test_nothing_is_there_twice() -> None:
    films = sample_films()
    assert len(films) >= 240
    for name in ("tmdb_id", "imdb_id", "movielens_id", "title", "overview"):
        assert len({getattr(film, name) for film in films}) == len(films)


def test_ids_lie_where_no_real_film_has_one() -> None:
    for film in sample_films():
        assert film.tmdb_id > 90_000_000
        assert film.imdb_id.startswith("tt99")
        assert film.movielens_id > 9_000_000


def test_each_film_has_one_to_three_known_genres_and_a_sentence() -> None:
    for film in sample_films():
        assert 1 <= len(film.true_genres) <= 3
        assert len(set(film.true_genres)) == len(film.true_genres)
        assert set(film.true_genres) <= set(GENRES)
        assert 20 <= len(film.overview) <= 220
        assert film.overview[-1] in ".!?"
        assert 1920 <= film.year <= 2025


def test_a_quarter_is_untagged_and_every_genre_keeps_enough_to_learn_from() -> None:
    films = sample_films()
    untagged = [film for film in films if not film.is_tagged]
    assert len(untagged) == len(films) // 4
    assert all(film.genres == () and film.true_genres for film in untagged)
    tagged = Counter(genre for film in films for genre in film.genres)
    assert set(tagged) == set(GENRES)
    assert min(tagged.values()) >= FEWEST_TAGGED
    asked = Counter(genre for film in untagged for genre in film.true_genres)
    assert len(asked) == len(GENRES)


def test_series_have_two_to_five_numbered_parts() -> None:
    parts: dict[str, list[int]] = {}
    for film in sample_films():
        assert bool(film.franchise) == bool(film.part)
        if film.franchise and not film.edition_of:
            parts.setdefault(film.franchise, []).append(film.part)
    assert len(parts) >= 8
    for numbers in parts.values():
        assert sorted(numbers) == list(range(1, len(numbers) + 1))
        assert 2 <= len(numbers) <= 5


def test_re_releases_are_later_and_otherwise_the_same_film() -> None:
    editions = [film for film in sample_films() if film.edition_of]
    assert len(editions) >= 2
    for film in editions:
        original = by_title()[film.edition_of]
        assert film.year > original.year
        assert (film.true_genres, film.franchise, film.part) == (
            original.true_genres,
            original.franchise,
            original.part,
        )


def test_some_titles_are_long_accented_or_very_old() -> None:
    titles = [film.title for film in sample_films()]
    assert max(map(len, titles)) > 70
    assert sum(not title.isascii() for title in titles) >= 8
    assert sum(film.year < 1940 for film in sample_films()) >= 8
