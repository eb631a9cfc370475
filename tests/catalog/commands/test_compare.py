"""`manage.py compare`: the article's figure for any folder of labelled images."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from catalog.similarity import comparison
from tests.factories import tiny_jpeg


def output(*arguments: object) -> str:
    out = io.StringIO()
    call_command("compare", *map(str, arguments), stdout=out)
    return out.getvalue()


@pytest.fixture
def shoes(tmp_path: Path) -> Path:
    """Greys from dark to light, so that the nearest are those of the next numbers."""
    folder = tmp_path / "shoes"
    folder.mkdir()
    for number in range(9):
        picture = Image.fromarray(np.full((60, 40, 3), 20 * number + 20, dtype=np.uint8))
        picture.save(folder / f"{number}.png")
    rows = [f"{number}.png,{'Boots' if number % 2 else 'Shoes'}" for number in range(9)]
    (tmp_path / "shoes.csv").write_text("\n".join(["file,category", *rows]))
    return folder


def arguments(shoes: Path, query: object = "0.png") -> list[object]:
    labels, figure = shoes.parent / "shoes.csv", shoes.parent / "figure.png"
    return ["--images", shoes, "--labels", labels, "--query", query, "-o", figure]


@pytest.mark.slow
def test_a_figure_with_five_neighbours_by_each_extractor(shoes: Path) -> None:
    out = output(*arguments(shoes))
    [pixels, ours, last] = out.splitlines()
    names = [part.split()[0] for part in pixels.removeprefix("pixels: ").split(", ")]
    assert names == ["1.png", "2.png", "3.png", "4.png", "5.png"]
    assert ours.startswith("postersite: ")
    assert "9 images compared" in last
    with Image.open(shoes.parent / "figure.png") as figure:
        assert figure.width > 300


def test_the_query_may_be_any_file(shoes: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.jpg").write_bytes(tiny_jpeg(1))
    out = output(*arguments(shoes, tmp_path / "mine.jpg"), "--extractor", "pixels:16x24")
    assert out.startswith("pixels:16x24: ")


@pytest.mark.slow
def test_an_image_that_cannot_be_read_is_left_out(shoes: Path) -> None:
    (shoes / "1.png").write_bytes(b"nothing")
    assert "pixels: 2.png" in output(*arguments(shoes))


def test_vectors_are_kept_until_an_image_changes(shoes: Path) -> None:
    paths = [shoes / f"{number}.png" for number in range(9)]
    images = comparison.LabelledImages(paths, ["Shoes"] * 9)
    seen: list[int] = []
    for _ in range(2):
        comparison.nearest(images, shoes / "0.png", "pixels", seen.append)
    assert seen == list(range(1, 10))
    (shoes / "8.png").write_bytes((shoes / "0.png").read_bytes())
    found = comparison.nearest(images, shoes / "0.png", "pixels", seen.append)
    assert len(seen) == 18
    assert (found[0].path.name, found[0].label) == ("8.png", "Shoes")
    assert found[0].distance == pytest.approx(0, abs=0.001)  # stored as float16


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"--query": "nowhere.png"}, "There is no file nowhere.png"),
        ({"--labels": "nowhere.csv"}, "nowhere.csv"),
        ({"--images": "nowhere"}, "nowhere is not a folder"),
        ({"--extractor": "retina"}, "There is no extractor 'retina'"),
        ({"--extractor": "mobilenet_v2"}, "fetch_weights mobilenet_v2"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(shoes: Path, change: dict[str, str], says: str) -> None:
    given = arguments(shoes, shoes / "0.png")
    for option, value in change.items():
        if option in given:
            given[given.index(option) + 1] = value
        else:
            given += [option, value]
    with pytest.raises(CommandError, match=says):
        output(*given)
