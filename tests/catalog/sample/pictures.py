"""Small images and films for the tests of the replica site."""

import io

from PIL import Image

from catalog.sample.site import ReplicaMovie


def picture(width: int = 400, height: int = 600, kind: str = "JPEG") -> bytes:
    """The bytes of a two-coloured image."""
    image = Image.new("RGB", (width, height), (200, 40, 30))
    image.paste((20, 60, 180), (0, 0, width // 2, height))
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height of image bytes."""
    with Image.open(io.BytesIO(data)) as image:
        return image.size


def film(number: int = 1, **changes: object) -> ReplicaMovie:
    """A film; keyword arguments replace its attributes."""
    attributes: dict[str, object] = {
        "tmdb_id": 700 + number,
        "imdb_id": f"tt{8_000_000 + number}",
        "title": f"The Example, Part {number}",
        "year": 1987,
        "overview": "Somebody gives an example.",
        "poster": picture(),
    }
    return ReplicaMovie(**(attributes | changes))  # type: ignore[arg-type]
