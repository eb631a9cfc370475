"""Responses are counted by host and result, under few names."""

from __future__ import annotations

import pytest
from redis import Redis

from catalog.fetching.counts import FetchCounts, fetch_counts
from catalog.fetching.errors import NotFound
from catalog.fetching.policy import FetchPolicy
from tests.catalog.fetching.clients import IMAGE_PATH, client_for
from tests.replica.faults import FaultySite


def test_what_the_client_gets_is_counted(site: FaultySite, redis_client: Redis) -> None:
    with client_for(site.url, robots=False) as client:
        response = client.get(site.url + IMAGE_PATH)
        assert response.status == 200
        client.get(site.url + IMAGE_PATH, etag=response.etag)
        with pytest.raises(NotFound):
            client.get(f"{site.url}/nothing")
    expected = {("replica", "ok"): 1, ("replica", "not_modified"): 1, ("replica", "not_found"): 1}
    assert fetch_counts(redis_client) == expected


def test_hosts_that_staff_entered_share_a_name(redis_client: Redis) -> None:
    agent = "Postersite/0.1 (+https://example.org/contact)"
    named = FetchPolicy(name="tmdb", hosts=frozenset({"image.tmdb.org"}), user_agent=agent)
    entered = FetchPolicy(name="any", hosts=frozenset(), any_host=True, user_agent=agent)
    FetchCounts(named, redis_client).add("https://image.tmdb.org/t/p/w500/a.jpg", "ok")
    FetchCounts(entered, redis_client).add("https://private.example/a.jpg", "too_large")
    assert fetch_counts(redis_client) == {("image.tmdb.org", "ok"): 1, ("other", "too_large"): 1}
