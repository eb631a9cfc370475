"""Rows of catalogues: cells, quotes, encodings and ids that no honest file has."""

import gzip
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from catalog.titles.formats import csv_file, folder, imdb5000, movielens, tmdb_csv
from catalog.titles.formats.records import RejectedRow, TitleRecord

from .cases import TAKEN, Case, Rejected

Rows = Iterator[TitleRecord | RejectedRow]


def rows() -> list[Case]:
    return [*_own(), *_files(), *_others(), *_folders()]


def _own() -> list[Case]:
    """One row of a CSV of one's own: id, title, genres, year, imdb_id."""

    def row(what: str, expected: str, *cells: str) -> Case:
        quoted = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
        return Case(
            what,
            expected,
            lambda: _first(csv_file.read, f"id,title,genres,year,imdb_id\n{quoted}\n".encode()),
        )

    return [
        row("title `=cmd|'/c calc'!A0`, a formula", TAKEN, "1", "=cmd|'/c calc'!A0", "Drama", "1999", ""),
        row("title `@SUM(1+1)`", TAKEN, "1", "@SUM(1+1)", "Drama", "1999", ""),
        row("title `<script>alert(1)</script>`", TAKEN, "1", "<script>alert(1)</script>", "Drama", "", ""),
        row(
            "title `'); DROP TABLE catalog_movie; --`",
            TAKEN,
            "1",
            "'); DROP TABLE catalog_movie; --",
            "",
            "",
            "",
        ),
        row("title `{{ settings.SECRET_KEY }}`", TAKEN, "1", "{{ settings.SECRET_KEY }}", "", "", ""),
        row("a title that turns the text's direction", TAKEN, "1", "abc\u202efdp.exe", "", "", ""),
        row("a title of nothing visible", "Rejected", "1", "\u200b\u2060", "Drama", "", ""),
        row("an empty title", "Rejected", "1", "   ", "Drama", "", ""),
        row("a title with an escape sequence", "Rejected", "1", "a\x1b[2Jb", "", "", ""),
        row("a title with NUL", "Rejected", "1", "a\0b", "", "", ""),
        row("a title of 501 characters", "Rejected", "1", "x" * 501, "", "", ""),
        row(
            "a title of 60,000 marks on one letter",
            "Rejected",
            "1",
            "a" + "\u0315\u0300" * 30_000,
            "",
            "",
            "",
        ),
        row("a cell of 200,000 characters", "Rejected", "1", "x" * 200_000, "", "", ""),
        row("an id of 300 characters", "Rejected", "x" * 300, "Film", "", "", ""),
        row("no id", "Rejected", "", "Film", "", "", ""),
        row("51 genres", "Rejected", "1", "Film", "|".join(f"g{n}" for n in range(51)), "", ""),
        row("ten thousand genres", "Rejected", "1", "Film", ",".join(f"g{n}" for n in range(10_000)), "", ""),
        row("a genre of 61 characters", "Rejected", "1", "Film", "x" * 61, "", ""),
        row("the same genre a thousand times", "Rejected", "1", "Film", "Drama|" * 1000, "", ""),
        row("the year 0", "Rejected", "1", "Film", "", "0", ""),
        row("the year 9999", "Rejected", "1", "Film", "", "9999", ""),
        row("the year -1", "Rejected", "1", "Film", "", "-1", ""),
        row("the year 1e3", "Rejected", "1", "Film", "", "1e3", ""),
        row("the year ２００９ in wide digits", "Rejected", "1", "Film", "", "２００９", ""),
        row("an IMDb id of 30 digits", "Rejected", "1", "Film", "", "", "9" * 30),
        row("the IMDb id `tt0000007/../../admin`", "Rejected", "1", "Film", "", "", "tt0000007/../../admin"),
        row("the IMDb id `tt٠٠٠٠٠٠٧` in Arabic digits", "Rejected", "1", "Film", "", "", "tt٠٠٠٠٠٠٧"),
        row("fewer cells than columns", "Rejected", "1", "Film"),
        row("more cells than columns", "Rejected", "1", "Film", "", "", "", "more"),
    ]


def _files() -> list[Case]:
    """Whole files of one's own."""
    good = b"id,title\n1,Film\n"

    def file(
        what: str, expected: str, data: Callable[[], bytes] | bytes, within_mb: int = 0, slow: bool = False
    ) -> Case:
        return Case(
            what,
            expected,
            lambda: _counted(csv_file.read, data if isinstance(data, bytes) else data()),
            within_mb,
            slow,
        )

    return [
        file("an empty file", "SourceError", b""),
        file("no column for the title", "SourceError", b"id,name_of_film\n1,Film\n"),
        file("a picture", "SourceError", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        file("bytes in no encoding", "SourceError", b"id,title\n1,\x81\x8d\n"),
        file(
            "a line of UTF-8 that is none among good ones",
            TAKEN,
            "id,title\n1,é\n2,ü\n".encode() + b"3,\xe9\n",
        ),
        file("Windows-1252", TAKEN, "id,title\n1,é\n".encode("cp1252")),
        file("a byte-order mark", TAKEN, b"\xef\xbb\xbf" + good),
        file("UTF-16", TAKEN, good.decode().encode("utf-16")),
        file("UTF-32", "SourceError", good.decode().encode("utf-32")),
        file(
            "UTF-16 cut in the middle of a character",
            TAKEN,
            (good.decode() + "2,Other").encode("utf-16")[:-1],
        ),
        file("a quote that is never closed, and a good row after it", TAKEN, b'id,title\n1,"Film\n2,Other\n'),
        file(
            "text after a closing quote, and a good row after it", TAKEN, b'id,title\n1,"Film" x\n2,Other\n'
        ),
        file("rows ended by carriage returns", TAKEN, b"id,title\r1,Film\r2,Other\r"),
        file("an id twice", TAKEN, b"id,title\n1,Film\n1,Other\n"),
        *(
            file(
                f"10 MB of {what}, gzipped", "BreaksOff", gzip.compress(b"id,title\n" + unit * 5_000_000), 20
            )
            for what, unit in (
                ("newlines", b"\n\n"),
                ("NULs", b"\0\0"),
                ("spaces", b"  "),
                ("empty rows", b",\n"),
            )
        ),
        file("over a million empty rows", "SourceError", b"id,title\n" + b",\n" * 1_100_000, 20, True),
        file(
            "a hundred thousand lines of open quotes",
            "SourceError",
            b"id,title\n" + b'p","\n' * 100_000,
            60,
            True,
        ),
        file("a cell of 100 MB", TAKEN, lambda: b"id,title\n2,Other\n1,".ljust(10**8, b"x"), 130, True),
        file("a header of 2 MB", "SourceError", b"id,title," + b"x," * 10**6 + b"\n", 30),
        file("a million empty lines", TAKEN, b"id,title\n" + b"\n" * 10**6 + b"1,Film\n", 30, True),
    ]


def _others() -> list[Case]:
    def tmdb(what: str, expected: str, genres: str, number: str = "7", date: str = "1999-01-01") -> Case:
        quoted = genres.replace('"', '""')
        text = f'id,title,genres,release_date\n{number},Film,"{quoted}",{date}\n'
        return Case(what, expected, lambda: _first(tmdb_csv.read, text.encode()))

    def lens(what: str, expected: str, title: str) -> Case:
        text = f'movieId,title,genres\n1,"{title}",Drama\n'
        return Case(
            what,
            expected,
            lambda: _first(lambda path: movielens.read(path.parent), text.encode(), "movies.csv"),
        )

    def imdb(what: str, expected: str, link: str) -> Case:
        text = f"movie_imdb_link,movie_title,genres\n{link},Film,Drama\n"
        return Case(what, expected, lambda: _first(imdb5000.read, text.encode()))

    return [
        tmdb("TMDB 5000: genres nested 50,000 deep", "Rejected", "[" * 50_000),
        tmdb("TMDB 5000: genres that are an object", "Rejected", '{"name": "Drama"}'),
        tmdb("TMDB 5000: a genre named 5", "Rejected", '[{"name": 5}]'),
        tmdb("TMDB 5000: a genre without a name", "Rejected", "[{}]"),
        tmdb("TMDB 5000: a genre with a lone surrogate", "Rejected", '[{"name": "\\ud800"}]'),
        tmdb("TMDB 5000: a number of 100,000 digits", "Rejected", f"[{'9' * 100_000}]"),
        tmdb("TMDB 5000: NaN", TAKEN, "NaN"),
        tmdb("TMDB 5000: the id 2³¹", "Rejected", "[]", number=str(2**31)),
        tmdb("TMDB 5000: the id -7", "Rejected", "[]", number="-7"),
        tmdb("TMDB 5000: released 99999-01-01", "Rejected", "[]", date="99999-01-01"),
        tmdb("TMDB 5000: released 0001-01-01", "Rejected", "[]", date="0001-01-01"),
        lens("MovieLens: `Film (1999) (9999)`", "Rejected", "Film (1999) (9999)"),
        lens("MovieLens: a title that is only `(1999)`", "Rejected", "(1999)"),
        lens("MovieLens: a thousand commas and articles", "Rejected", "a, The " * 1000),
        lens("MovieLens: 490 opening parentheses", TAKEN, "(" * 490),
        imdb("IMDb 5000: a link without an id", "Rejected", "https://evil.example/"),
        imdb(
            "IMDb 5000: a link with an id of 11 digits",
            "Rejected",
            "https://www.imdb.com/title/tt00000000007/",
        ),
    ]


def _folders() -> list[Case]:
    def named(what: str, expected: str, name: str) -> Case:
        def read(path: Path) -> Rows:
            images = path.parent / "images"
            images.mkdir(exist_ok=True)
            (images / "good.jpg").write_bytes(b"x")
            outside = images / "outside.jpg"
            if not outside.is_symlink():
                os.symlink(path, outside)
                os.symlink("loop.jpg", images / "loop.jpg")
            return folder.read(images, path)

        return Case(f"folder: {what}", expected, lambda: _first(read, f'file,id\n"{name}",1\n'.encode()))

    return [
        named("`good.jpg`", TAKEN, "good.jpg"),
        named("`../labels.csv`", "Rejected", "../labels.csv"),
        named("`/etc/passwd`", "Rejected", "/etc/passwd"),
        named("`C:/x.jpg`", "Rejected", "C:/x.jpg"),
        named("`..\\labels.csv`", "Rejected", "..\\labels.csv"),
        named("a link that leaves the folder", "Rejected", "outside.jpg"),
        named("a link to itself", "Rejected", "loop.jpg"),
        named("a name of 5,000 characters", "Rejected", "x" * 5000),
        named("the folder itself", "Rejected", "."),
    ]


def _first(read: Callable[[Path], Rows], data: bytes, name: str = "labels.csv") -> str:
    """The first row, as one would see it, or its rejection."""
    found = _read(read, data, name)
    if isinstance(found[0], RejectedRow):
        raise Rejected(found[0].reason)
    record = found[0]
    return f"title “{record.title[:60]}”, to be shown as text"


def _counted(read: Callable[[Path], Rows], data: bytes) -> str:
    found = _read(read, data, "labels.csv")
    rejected = [row for row in found if isinstance(row, RejectedRow)]
    said = "; ".join(str(row) for row in rejected[:1])
    return f"{len(found) - len(rejected)} taken, {len(rejected)} rejected{': ' if said else ''}{said}"


def _read(read: Callable[[Path], Rows], data: bytes, name: str) -> list[TitleRecord | RejectedRow]:
    with tempfile.TemporaryDirectory(prefix="rows-") as place:
        path = Path(place) / name
        path.write_bytes(data)
        return list(read(path))
