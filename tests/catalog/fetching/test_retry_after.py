"""The Retry-After header in both of its forms, and in none."""

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.fetching.retry_after import retry_after_s

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("99999", 3600),
        (formatdate(NOW + 90, usegmt=True), 90),
        (formatdate(NOW + 90), 90),
        (formatdate(NOW - 90, usegmt=True), 0),
        (formatdate(NOW + 1e6, usegmt=True), 3600),
        ("", None),
        (None, None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("Wed, 99 Foo 2026 99:99:99 GMT", None),
    ],
)
def test_seconds_dates_and_nonsense(text: str | None, seconds: float | None) -> None:
    assert retry_after_s(text, NOW, 3600) == (None if seconds is None else pytest.approx(seconds))


@given(st.text(max_size=60))
def test_no_text_asks_for_more_than_the_cap(text: str) -> None:
    seconds = retry_after_s(text, NOW, 100)
    assert seconds is None or 0 <= seconds <= 100
