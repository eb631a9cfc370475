"""The replica's images have the size that their address requests."""

from pathlib import Path

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from catalog.sample.site import ReplicaSite
from catalog.sample.site_images import content_type, imdb_size, resized, tmdb_size
from tests.catalog.sample.pictures import film, picture, size_of


@pytest.mark.parametrize(
    ("path", "size"),
    [
        ("/t/p/original/{}.jpg", (400, 600)),
        ("/t/p/w154/{}.jpg", (154, 231)),
        ("/t/p/h300/{}.jpg", (200, 300)),
        ("/t/p/w300_and_h450_bestv2/{}.jpg", (300, 450)),
        ("/t/p/w100_and_h100_face/{}.jpg", (100, 100)),
        ("/t/p/w780/{}.jpg", (400, 600)),
        ("/images/M/{}._V1_.jpg", (400, 600)),
        ("/images/M/{}._V1_UX182_CR0,0,182,268_AL_.jpg", (182, 268)),
        ("/images/M/{}._V1_UY268_.jpg", (179, 268)),
        ("/images/M/{}._V1_QL75_UX190_.jpg", (190, 285)),
    ],
)
def test_the_address_sets_the_size_and_nothing_is_enlarged(
    site: ReplicaSite, path: str, size: tuple[int, int]
) -> None:
    response = requests.get(site.url + path.format(site.movies[0].image_name), timeout=5)
    assert response.status_code == 200
    assert size_of(response.content) == size


@pytest.mark.parametrize("text", ["w0", "w99999", "huge", "w", "w_and_h", "500", ""])
def test_unknown_sizes_are_refused(text: str) -> None:
    assert tmdb_size(text) is None


@given(st.text(alphabet="whUXYSCR0123456789_,and", max_size=30))
def test_any_size_text_gives_a_bounded_size_or_none(text: str) -> None:
    for size in (tmdb_size(text), imdb_size(text)):
        if size is not None:
            assert all(0 < side <= 4000 for side in size if side is not None)


@given(st.binary(max_size=200))
def test_bytes_that_are_not_an_image_are_served_unchanged(data: bytes) -> None:
    assert resized(data, (50, None)) == data


def test_a_poster_comes_from_a_file_and_a_missing_file_is_not_found(tmp_path: Path) -> None:
    movie = film(poster=tmp_path / "a.jpg")
    with ReplicaSite([movie]) as site:
        address = f"{site.url}/t/p/original/{movie.image_name}.jpg"
        assert requests.get(f"{site.url}/movie/{movie.tmdb_id}", timeout=5).status_code == 200
        assert requests.get(address, timeout=5).status_code == 404
        (tmp_path / "a.jpg").write_bytes(picture(300, 450))
        assert size_of(requests.get(address, timeout=5).content) == (300, 450)


def test_an_image_with_the_requested_size_is_served_in_its_own_format() -> None:
    movie = film(poster=picture(500, 750, "WEBP"))
    with ReplicaSite([movie]) as site:
        types = [
            requests.get(f"{site.url}/t/p/{size}/{movie.image_name}.jpg", timeout=5).headers["Content-Type"]
            for size in ("w780", "w342")
        ]
    assert types == ["image/webp", "image/jpeg"]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
def test_the_media_type_is_read_from_the_bytes(kind: str) -> None:
    assert content_type(picture(8, 8, kind)) == f"image/{kind.lower()}"
    assert content_type(b"<html>") == "application/octet-stream"
