"""The files of an export: format version, names, and the README for readers without Postersite."""

from __future__ import annotations

import re
from collections.abc import Callable

FORMAT = "postersite-catalogue"
VERSION = 1
MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
MISSING = "missing.txt"
PEOPLE = "people"
README = "README.txt"

# Stored pictures are those that the media view serves (catalog/web/views/media.py).
_SAFE_NAME = re.compile(
    r"README\.txt|missing\.txt|tables/[a-z_]{1,60}\.jsonl|embeddings/[1-9][0-9]{0,18}\.npy"
    r"|models/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,180}\.(npz|json)"
    r"|media/(posters|learning_curves)(/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,120}){1,3}\.(jpg|png|webp)"
)

# Called with the current step, the number of finished items and the total.
Progress = Callable[[str, int, int], object]


def table_file(name: str) -> str:
    return f"tables/{name}.jsonl"


def vectors_file(extractor: int) -> str:
    return f"embeddings/{extractor}.npy"


def is_safe(name: str) -> bool:
    """Whether an export may contain a file of this name. Safe names cannot leave the export's folder."""
    return _SAFE_NAME.fullmatch(name) is not None and ".." not in name


ABOUT = """\
A film catalogue, exported by Postersite. `manage.py restore_catalogue` reads it into an empty one; any
program can read it:

manifest.json    the format and its version; of every table its file, columns and number of rows; of every
                 extractor its file of vectors; the SHA-256 of the file SHA256SUMS
SHA256SUMS       the SHA-256 of every other file: `sha256sum -c SHA256SUMS`
tables/          a table a file, a row a line of JSON (UTF-8), ordered by id. Times are UTC. A column that
                 refers to another table holds its row's id, one that refers to a person the account's name
tables/people    the accounts that decided something, without passwords, rights and addresses
embeddings/      vectors, one .npy file for each extractor, named by its id: float16, a row for each line of
                 tables/embeddings.jsonl with that extractor, in its order
media/           posters in three sizes and learning curves, under the names that the tables give
models/          weights of genre models (.npz) and what they say about themselves (.json)
missing.txt      pictures and weights that tables name and that could not be read when this was written

A movie with `merged_into` was made one with another by a person. Genres have an origin: `manual` was set by a
person, `imported` came with the titles, `accepted` was suggested by a genre model and accepted by a person.
"""
