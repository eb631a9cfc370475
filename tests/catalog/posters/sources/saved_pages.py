"""The page variants in `pages/`: written by us in the shapes the sites have had, of invented films."""

from pathlib import Path

PAGES = Path(__file__).parent / "pages"


def saved_page(name: str) -> bytes:
    return (PAGES / f"{name}.html").read_bytes()
