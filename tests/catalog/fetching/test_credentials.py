"""A key is sent to its site only: no other host, address or message shows it."""

from __future__ import annotations

import pytest

from catalog.fetching.errors import FetchError
from catalog.fetching.policy import Credential
from tests.catalog.fetching.clients import client_for, faulty_site, policy_for
from tests.replica.faults import FaultySite, redirect, status
from tests.replica.raw_server import RawServer

SECRET = "0123456789abcdef0123456789abcdef"
BY_QUERY = Credential(query={"api_key": SECRET})
both_kinds = pytest.mark.parametrize(
    "credential", [BY_QUERY, Credential.bearer(SECRET)], ids=["query", "bearer"]
)


@both_kinds
def test_a_key_opens_what_is_closed_without_it_after_a_redirect_too(
    site: FaultySite, credential: Credential
) -> None:
    client = client_for(site.url)
    with pytest.raises(FetchError) as refused:
        client.get(f"{site.url}/3/configuration?language=de")
    assert refused.value.status == 401
    site.spoil("/3/old", redirect("/3/configuration"))
    for path, final in (("/3/old", "/3/configuration"), ("/3/configuration?language=de",) * 2):
        fetched = client.get(site.url + path, credential=credential)
        assert b"secure_base_url" in fetched.body
        assert fetched.url == site.url + final


@both_kinds
def test_the_key_is_not_sent_to_another_host(credential: Credential) -> None:
    with faulty_site() as site, faulty_site() as other:
        site.spoil("/3/", redirect(other.url + "/3/configuration"))
        hosts = policy_for(site.url).hosts | policy_for(other.url).hosts
        with pytest.raises(FetchError) as refused:
            client_for(site.url, hosts=hosts).get(f"{site.url}/3/movie/7", credential=credential)
        assert refused.value.status == 401
        assert other.paths("/3/") == ["/3/configuration"]


@pytest.mark.parametrize("code", [400, 401, 404, 429, 500])
def test_no_message_shows_it(site: FaultySite, code: int) -> None:
    site.spoil("/3/", status(code, retry_after="9"))
    with pytest.raises(FetchError) as caught:
        client_for(site.url, max_attempts=1).get(f"{site.url}/3/movie/7", credential=BY_QUERY)
    assert SECRET not in f"{caught.value!r} {caught.value.url} {caught.value}"


def test_no_message_about_a_connection_shows_it() -> None:
    with RawServer(lambda connection: connection.sendall(b"nonsense\r\n\r\n")) as server:
        assert SECRET not in failure(server.url)
    with faulty_site() as site:
        gone = site.url
    assert SECRET not in failure(gone)


def failure(base: str) -> str:
    client = client_for(base, max_attempts=1, robots=False)
    with pytest.raises(FetchError) as caught:
        client.get(f"{base}/3/movie/7", credential=BY_QUERY)
    return f"{caught.value} {caught.value.url}"


def test_it_is_not_in_the_repr() -> None:
    assert SECRET not in repr(BY_QUERY) + repr(Credential.bearer(SECRET))
