"""The replica's pages link to images that it serves. `test_replica_pages.py` tests that they are parsed."""

import json
from typing import Any

import pytest
import requests
from bs4 import BeautifulSoup
from protego import Protego

from catalog.sample.site import ReplicaSite
from tests.catalog.sample.pictures import film, size_of


def linked_data(soup: BeautifulSoup) -> dict[str, Any]:
    element = soup.find("script", type="application/ld+json")
    assert element is not None
    facts = json.loads(element.get_text())
    assert isinstance(facts, dict)
    return facts


def content(soup: BeautifulSoup, name: str) -> str:
    element = soup.find("meta", property=name)
    assert element is not None
    return str(element["content"])


def test_tmdb_page_can_have_a_slug() -> None:
    with ReplicaSite([film(title="Où est la Clef ?")]) as site:
        plain, slugged = (
            requests.get(f"{site.url}/movie/701{slug}", timeout=5) for slug in ("", "-ou-est-la-clef")
        )
    assert plain.content == slugged.content
    assert "/movie/701-ou-est-la-clef" in plain.text


def test_imdb_page_redirects_to_the_final_slash(site: ReplicaSite) -> None:
    response = requests.get(f"{site.url}/title/tt8000001", timeout=5)
    assert [step.status_code for step in response.history] == [301]
    assert response.url == f"{site.url}/title/tt8000001/"


@pytest.mark.parametrize("path", ["/movie/701", "/title/tt8000001/"])
def test_every_image_address_on_a_page_is_served(site: ReplicaSite, path: str) -> None:
    soup = BeautifulSoup(requests.get(site.url + path, timeout=5).content, "lxml")
    found = [str(image.get("data-src") or image["src"]) for image in soup.find_all("img")]
    for address in (*found, content(soup, "og:image"), str(linked_data(soup)["image"])):
        response = requests.get(requests.compat.urljoin(site.url, address), timeout=5)
        assert response.headers["Content-Type"] == "image/jpeg"
        assert size_of(response.content)[0] > 0


@pytest.mark.parametrize("path", ["/movie/701", "/title/tt8000001/"])
def test_titles_are_escaped(path: str) -> None:
    title = "</script><script>alert('x')</script> <!-- \"&amp;"
    with ReplicaSite([film(title=title, overview=title)]) as site:
        soup = BeautifulSoup(requests.get(site.url + path, timeout=5).content, "lxml")
    assert linked_data(soup)["name"] == title
    assert content(soup, "og:description") == title
    assert len(soup.find_all("script")) == 1


@pytest.mark.parametrize(
    "path", ["/movie/999", "/title/tt0000009/", "/nothing", "/t/p/w500/nobody.jpg", "/movie/../etc/passwd"]
)
def test_unknown_films_and_paths_are_not_found(site: ReplicaSite, path: str) -> None:
    assert requests.get(site.url + path, timeout=5).status_code == 404


def test_robots_txt_allows_films_and_forbids_search(site: ReplicaSite) -> None:
    rules = Protego.parse(requests.get(f"{site.url}/robots.txt", timeout=5).text)
    for path in ("/movie/701", "/title/tt8000001/", "/t/p/w500/x.jpg", "/images/M/x._V1_.jpg"):
        assert rules.can_fetch(site.url + path, "Postersite")
    assert not rules.can_fetch(f"{site.url}/search?query=x", "Postersite")


def test_two_films_may_not_share_an_id() -> None:
    with pytest.raises(ValueError, match="another film"):
        ReplicaSite([film(1), film(2, tmdb_id=701)])
    with pytest.raises(ValueError, match="neither"):
        ReplicaSite([film(tmdb_id=None, imdb_id=None)])
