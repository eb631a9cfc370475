"""The two page parsers against the sample site, whose pages somebody else writes."""

import pytest

from catalog.fetching.errors import NotFound
from catalog.posters.sources.links import NoPosterFound
from catalog.posters.sources.registry import POSTER_SOURCES, PageSource
from catalog.sample.site import ReplicaMovie
from tests.catalog.fetching.clients import client_for
from tests.replica.faults import FaultySite

POSTER = b"the bytes of a poster"
ODD = ReplicaMovie(7, "tt0000007", 'A "<b>Choir</b>" & </script>', 1961, "", POSTER)
EVEN = ReplicaMovie(8, "tt0000008", "Salt Orchard", None, "A farm.", POSTER)
PAGES = [source for source in POSTER_SOURCES.values() if isinstance(source, PageSource)]
BARE = ReplicaMovie(9, "tt0000009", "Untitled Harbour Project", 2030, "", None)

pytestmark = pytest.mark.usefixtures("broker")


@pytest.mark.parametrize("source", PAGES, ids=lambda source: source.name)
@pytest.mark.parametrize("film", [ODD, EVEN], ids=["odd", "even"])
def test_a_films_poster_is_reached_through_its_page(source: PageSource, film: ReplicaMovie) -> None:
    with FaultySite([ODD, EVEN]) as site, client_for(site.url) as client:
        page = client.get(source.page_url(film, site.url) or "")
        link = source.parse(page.body, page.url)
        for url in (link.url, *link.alternatives):
            assert film.image_name in url
            assert client.get(url).body == POSTER


@pytest.mark.parametrize("source", PAGES, ids=lambda source: source.name)
def test_a_film_without_a_poster_or_a_page_is_recognised(source: PageSource) -> None:
    with FaultySite([BARE]) as site, client_for(site.url) as client:
        page = client.get(source.page_url(BARE, site.url) or "")
        with pytest.raises(NoPosterFound):
            source.parse(page.body, page.url)
        with pytest.raises(NotFound):
            client.get(source.page_url(ODD, site.url) or "")
