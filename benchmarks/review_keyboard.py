"""How fast a reviewer works by keyboard, on real films in a browser: keystrokes, waiting, films per minute.

    python -m benchmarks.review_keyboard --data DATA --work FOLDER [--movies 10500] [--untagged 1500]
        [--films 100] [--keystroke 0.4] [--modes focus grid plain] [--query order=informative]

FOLDER holds the site, which the first run makes: films of DATA/posters.csv with their posters and overviews,
the genres of `untagged` of them removed, a genre model trained on the others, its suggestions. A scripted
reviewer who knows the true genres reviews `films` films in each mode, from the same state of the database, by
real key presses with a pause after each. In focus mode genres are toggled by their keys and others typed
after `+`; in the grid, a film that lacks a genre is edited on its page, where Tab leads to the genre. Mode
`plain` is focus mode without JavaScript, by mouse, for at most 20 films.

Printed: keystrokes per film, milliseconds from the last key to the next film painted, films per minute when a
keystroke takes `keystroke` seconds, and how many films have exactly the true genres afterwards.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import random
import shutil
import sys
import time
from pathlib import Path
from statistics import mean, median, quantiles
from typing import Any

from benchmarks._scratch_site import (
    HOST,
    environment,
    free_port,
    open_site,
    queue_nothing,
    started,
    superuser,
)

MODES = ["focus", "grid", "plain"]
# When the next film is painted: the frame after it replaced the one before, and its poster is decoded.
PAINTED = """
const idOf = () => (document.querySelector(".focus-card, article.current") || {}).id;
window.painted = [];
addEventListener("keydown", (event) => {
  if (event.key !== "a") return;
  const before = idOf();
  const poll = () => {
    const image = document.querySelector(".focus-card .focus-poster, article.current img");
    if (!idOf() || idOf() === before || (image && !image.complete)) return requestAnimationFrame(poll);
    const channel = new MessageChannel();
    channel.port1.onmessage = () => window.painted.push(performance.now() - event.timeStamp);
    requestAnimationFrame(() => channel.port2.postMessage(0));
  };
  requestAnimationFrame(poll);
}, true);
"""
CARD = """card => [...card.querySelectorAll("input[type=checkbox]")].map(box => ({
  name: box.closest("label").querySelector("span").textContent, key: box.dataset.toggle, on: box.checked,
}))"""
# How many times Tab leads from one checkbox of the edit page to another; the first one has the focus.
STEPS = """names => {
  const stops = [...document.querySelectorAll("#edit-form input[type=checkbox], #edit-form a")];
  const at = box => stops.indexOf(box);
  const named = name => [...document.querySelectorAll("#edit-form label")]
    .find(label => label.firstChild.textContent.trim() === name).control;
  const boxes = names.map(named).sort((one, other) => at(one) - at(other));
  let here = at(document.activeElement), steps = 0;
  for (const box of boxes) { steps += Math.abs(at(box) - here); here = at(box); box.click(); }
  return steps;
}"""


class Reviewer:
    """Presses keys with a pause after each, and counts them."""

    def __init__(self, page: Any, truth: dict[int, set[str]], pause_s: float) -> None:
        self.page, self.truth, self.pause_s = page, truth, pause_s
        self.reviewed: list[int] = []
        self.keys: list[int] = []
        self.waits: list[float] = []

    def press(self, *keys: str) -> None:
        for key in keys:
            time.sleep(self.pause_s)
            self.page.keyboard.press(key)
        self.keys[-1] += len(keys)

    def wait(self, condition: str, argument: Any = None) -> None:
        self.page.wait_for_function(condition, arg=argument, polling="raf")

    def focus(self) -> None:
        """Review the movie of the card."""
        card = self.page.locator(".focus-card")
        pk = card.get_attribute("data-movie")
        options, true = card.evaluate(CARD), self.truth[int(pk)]
        self.reviewed.append(int(pk))
        self.keys.append(0)
        names = [option["name"] for option in options]
        for option in options:
            if option["on"] == (option["name"] in true):
                continue
            name = option["name"].lower()
            if option["key"]:
                self.press(option["key"])
            else:
                typed = next(
                    name[:size]
                    for size in range(1, len(name) + 1)
                    if next(other for other in names if other.lower().startswith(name[:size]))
                    == option["name"]
                )
                self.press("+", *typed, "Enter")
        count = self.page.evaluate("painted.length")
        self.press("a")
        self.wait("count => painted.length > count", count)
        self.waits.append(self.page.evaluate("painted[painted.length - 1]"))

    def grid(self) -> None:
        """Review the current movie of the grid, on its edit page if a genre is missing."""
        card = self.page.locator("article.current")
        identifier = card.get_attribute("id")
        self.reviewed.append(int(identifier.removeprefix("movie-")))
        true = self.truth[self.reviewed[-1]]
        names = card.locator(".genre-name span").all_inner_texts()
        self.keys.append(0)
        if true <= set(names):
            for number, name in enumerate(names, start=1):
                if name not in true:
                    self.press(str(number))
            began = time.monotonic()
            self.press("a")
            self.wait("id => (document.querySelector('article.current') || {}).id !== id", identifier)
            self.waits.append(1000 * (time.monotonic() - began - self.pause_s))
            return
        began = time.monotonic()
        self.press("e")
        self.page.wait_for_url("**/change/**")
        self.page.wait_for_load_state("load")
        waited = time.monotonic() - began - self.pause_s
        ticked = self.page.locator(".edit-genre:has(:checked) label").all_inner_texts()
        changed = true ^ {each.split("\n")[0].removesuffix(" sure").strip() for each in ticked}
        steps = self.page.evaluate(STEPS, sorted(changed))
        self.keys[-1] += steps + len(changed)
        time.sleep(self.pause_s * (steps + len(changed)))
        began = time.monotonic()
        self.press("Control+Enter")
        self.page.wait_for_url("**/grid/**")
        self.page.locator("article.current").wait_for()
        self.waits.append(1000 * (waited + time.monotonic() - began - self.pause_s))

    def plain(self) -> None:
        """Review the movie of the card by mouse."""
        card = self.page.locator(".focus-card")
        self.reviewed.append(int(card.get_attribute("data-movie")))
        true = self.truth[self.reviewed[-1]]
        self.keys.append(0)
        card.locator(".focus-others summary").click()
        for row in card.locator(".focus-form li").all():
            box = row.get_by_role("checkbox")
            box.set_checked(row.locator("label span").inner_text() in true)
        began = time.monotonic()
        card.locator(".focus-buttons button[value=accept]").click()
        self.page.wait_for_load_state("load")
        self.waits.append(1000 * (time.monotonic() - began))


def _prefix(name: str, names: list[str]) -> str:
    """The shortest beginning of `name` by which the card finds it: the first name that begins with it."""
    ends = range(1, len(name) + 1)
    return next(
        name[:end].lower()
        for end in ends
        if next(each for each in names if each.lower().startswith(name[:end].lower())) == name
    )


def main() -> None:
    options = _options()
    var = options.work / "var"
    truth_by_imdb = _genres(options.data)
    open_site(var, POSTERSITE_SAMPLE="0")
    queue_nothing()
    start = options.work / "start.sqlite3"
    if not start.exists():
        make_site(options.data, options.movies, options.untagged)
        _store(var / "db.sqlite3", start)
    from django.conf import settings
    from django.db import connection
    from django.test import Client

    from catalog.models import Movie

    movies = Movie.objects.filter(imdb_id__in=truth_by_imdb)
    truth = {pk: truth_by_imdb[imdb_id] for pk, imdb_id in movies.values_list("pk", "imdb_id")}
    print(f"{'mode':<8} films   keys median     ms    p95 films/min exact")
    for mode in options.modes:
        connection.close()
        for name in ("db.sqlite3-wal", "db.sqlite3-shm"):
            (var / name).unlink(missing_ok=True)
        shutil.copy(start, var / "db.sqlite3")
        client = Client()
        client.force_login(superuser())
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        connection.close()
        port = free_port()
        web = [sys.executable, "-m", "gunicorn", "--config", "python:postersite.web.gunicorn_settings"]
        with started([*web, "--bind", f"{HOST}:{port}"], port, env=environment(var)):
            done = review(port, mode, {settings.SESSION_COOKIE_NAME: session}, truth, options)
        keys, waits = mean(done.keys), done.waits
        reviewed = Movie.objects.filter(pk__in=done.reviewed).prefetch_related("genres")
        exact = sum({each.name for each in movie.genres.all()} == truth[movie.pk] for movie in reviewed)
        per_minute = 60 / (keys * options.keystroke + mean(waits) / 1000) if keys else 0
        print(
            f"{mode:<8} {len(done.keys):>5} {keys:>6.2f} {median(done.keys):>6.1f} {median(waits):>6.0f} "
            f"{quantiles(waits, n=20)[-1]:>6.0f} {per_minute:>9.1f} {exact:>5}",
            flush=True,
        )


def review(
    port: int, mode: str, cookies: dict[str, str], truth: dict[int, set[str]], options: Any
) -> Reviewer:
    """Review films in one mode; waits until the last decision is saved."""
    from playwright.sync_api import sync_playwright

    address = f"http://localhost:{port}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=["--disable-gpu"])
        context = browser.new_context(
            viewport={"width": 1440, "height": 900}, java_script_enabled=mode != "plain"
        )
        context.add_cookies([{"name": key, "value": value, "url": address} for key, value in cookies.items()])
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.add_init_script(PAINTED)
        page.goto(f"{address}/admin/catalog/reviewqueue/{'grid/' if mode == 'grid' else ''}?{options.query}")
        reviewer = Reviewer(page, truth, options.keystroke)
        if mode == "focus":
            page.locator("#focus[data-idle]").wait_for()
        for _ in range(min(options.films, 20) if mode == "plain" else options.films):
            if mode == "grid" and not page.locator("article.current[data-open]").count():
                page.keyboard.press("n")
                page.locator("article.current[data-open]").wait_for()
            getattr(reviewer, mode)()
        if mode == "focus":
            page.locator("#focus[data-idle]").wait_for()
        browser.close()
    return reviewer


def make_site(data: Path, movies: int, untagged: int) -> None:
    """Films with posters, vectors, an index, a model trained on those with genres, and its suggestions."""
    from django.core.management import call_command

    from catalog.embeddings import embedding, extractors, index_files
    from catalog.genres import bundled, promotion, suggestions
    from catalog.genres.names import genre_rows
    from catalog.models import GenreModel, Movie, MovieGenre, Poster
    from catalog.posters.primary import store_poster

    with gzip.open(data / "texts.csv.gz", "rt", encoding="utf-8", newline="") as file:
        overviews = {row["imdb_id"]: row["overview"] for row in csv.DictReader(file)}
    genres = _genres(data)
    names = sorted({name for each in genres.values() for name in each})
    by_name = dict(zip(names, genre_rows(names), strict=True))
    with (data / "posters.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["imdb_id"] in genres]
    random.Random(0).shuffle(rows)
    for number, row in enumerate(rows[:movies]):
        imdb_id, year = row["imdb_id"], int(row["year"]) if row["year"] else None
        movie, created = Movie.objects.get_or_create(
            imdb_id=imdb_id,
            defaults={"title": row["title"], "year": year, "overview": overviews.get(imdb_id, "")},
        )
        if not created:
            continue
        MovieGenre.objects.bulk_create(
            MovieGenre(movie=movie, genre=by_name[name], origin=MovieGenre.Origin.IMPORTED)
            for name in (genres[imdb_id] if number >= untagged else ())
        )
        picture = (data / "posters" / row["file"]).read_bytes()
        store_poster(
            movie, picture, source="folder", source_url=f"file:{row['file']}", page_url="", attribution=""
        )
    bundled.install_genre_model()
    extractor = extractors.load("postersite")
    todo = list(Poster.objects.filter(embeddings=None))
    for first in range(0, len(todo), 64):
        embedding.embed(todo[first : first + 64], extractor)
    index_files.build_stale()
    call_command("train_genres")
    model = GenreModel.objects.get(shipped=False)
    promotion.promote(model, queue=False)
    waiting = list(Movie.objects.untagged())
    for first in range(0, len(waiting), 100):
        suggestions.suggest(waiting[first : first + 100], model, suggestions.load(model))


def _genres(data: Path) -> dict[str, set[str]]:
    with (data / "posters.csv").open(newline="", encoding="utf-8") as file:
        return {
            row["imdb_id"]: set(row["genres"].split("|")) for row in csv.DictReader(file) if row["genres"]
        }


def _store(database: Path, copy: Path) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    shutil.copy(database, copy)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--movies", type=int, default=10_500)
    parser.add_argument("--untagged", type=int, default=1_500)
    parser.add_argument("--films", type=int, default=100)
    parser.add_argument("--keystroke", type=float, default=0.4, help="seconds per keystroke")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=MODES)
    parser.add_argument("--query", default="", help="the queue's filter and order")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    return parser.parse_args()


if __name__ == "__main__":
    main()
