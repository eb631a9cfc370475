"""Policies that cannot work are refused when they are written."""

from typing import Any

import pytest

from catalog.fetching.policy import FetchPolicy

GOOD: dict[str, Any] = {
    "name": "films",
    "hosts": frozenset({"films.example"}),
    "user_agent": "Postersite/0.1 (+x)",
}


def test_robots_txt_knows_us_by_the_product_name() -> None:
    assert FetchPolicy(**GOOD).robots_name == "Postersite"


@pytest.mark.parametrize(
    ("change", "because"),
    [
        ({"hosts": frozenset()}, "no host"),
        ({"hosts": frozenset({"https://films.example"})}, "lower-case names"),
        ({"hosts": frozenset({"Films.example"})}, "lower-case names"),
        ({"schemes": ("ftp",)}, "http and https"),
        ({"user_agent": ""}, "User-Agent"),
        ({"user_agent": "A/1\r\nX: y"}, "User-Agent"),
        ({"max_bytes": 0}, "max_bytes"),
        ({"deadline_s": 0}, "deadline_s"),
        ({"max_attempts": 0}, "max_attempts"),
        ({"max_at_once": 0}, "max_at_once"),
        ({"min_interval_s": -1.0}, "intervals"),
        ({"host_intervals_s": {"films.example": float("nan")}}, "intervals"),
        ({"jitter": 1.5}, "jitter"),
    ],
)
def test_a_senseless_policy_says_what_is_wrong(change: dict[str, Any], because: str) -> None:
    with pytest.raises(ValueError, match=because):
        FetchPolicy(**(GOOD | change))
