"""A subclass can spoil the replica's answers, and a poster that cannot be drawn spoils only itself."""

import time
from dataclasses import replace

import pytest
import requests

from catalog.sample.site import ReplicaSite, Response
from tests.catalog.sample.pictures import film


class Spoiled(ReplicaSite):
    """Answers by path: too many requests, a slow page, a cut page, and otherwise the truth."""

    def respond(self, path: str) -> Response | None:
        if path == "/busy":
            return Response(429, {"Retry-After": "3"}, b"slow down")
        if path == "/slow":
            return Response(200, {"Content-Type": "text/plain"}, b"late", delay_s=0.2)
        if path == "/movie/701":
            return replace(self.answer(path), truncate_to=100)
        return None


def test_a_status_and_headers_can_be_made_up() -> None:
    with Spoiled([film()]) as site:
        answer = requests.get(f"{site.url}/busy", timeout=5)
        assert (answer.status_code, answer.headers["Retry-After"], answer.text) == (429, "3", "slow down")
        assert requests.get(f"{site.url}/title/tt8000001/", timeout=5).status_code == 200
        assert site.log[0][2] == 429


def test_an_answer_can_be_late() -> None:
    with Spoiled([film()]) as site:
        before = time.monotonic()
        assert requests.get(f"{site.url}/slow", timeout=5).text == "late"
        assert time.monotonic() - before >= 0.2
        with pytest.raises(requests.Timeout):
            requests.get(f"{site.url}/slow", timeout=0.05)


def test_stopping_does_not_wait_for_late_answers() -> None:
    class Endless(ReplicaSite):
        def respond(self, path: str) -> Response | None:
            return Response(delay_s=3600)

    site = Endless([film()]).start()
    with pytest.raises(requests.Timeout):
        requests.get(site.url, timeout=0.05)
    before = time.monotonic()
    site.stop()
    assert time.monotonic() - before < 60


def test_a_body_can_be_cut_short() -> None:
    with Spoiled([film()]) as site:
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            requests.get(f"{site.url}/movie/701", timeout=5)
        answer = requests.get(f"{site.url}/movie/701", stream=True, timeout=5)
        assert int(answer.headers["Content-Length"]) > 100


def test_a_poster_that_fails_is_an_error_of_its_own() -> None:
    def broken() -> bytes:
        raise RuntimeError("no ink")

    bad, good = film(1, poster=broken), film(2)
    with ReplicaSite([bad, good]) as site:
        assert requests.get(f"{site.url}/t/p/w500/{bad.image_name}.jpg", timeout=5).status_code == 500
        assert requests.get(f"{site.url}/t/p/w500/{good.image_name}.jpg", timeout=5).status_code == 200
