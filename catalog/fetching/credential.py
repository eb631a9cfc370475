"""A key that a site gave its operator: sent to that site only, and never shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True, slots=True)
class Credential:
    """Headers and query parameters that go with every request to one host, and with none after a redirect
    to another."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def bearer(cls, token: str) -> Self:
        """RFC 6750: a token in the Authorization header."""
        return cls(headers={"Authorization": f"Bearer {token}"})
