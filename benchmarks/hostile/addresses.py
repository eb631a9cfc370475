"""URLs that mean another host than they seem to, and names that resolve to addresses inside."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

from catalog.fetching.client import PoliteClient
from catalog.fetching.errors import ServerTrouble
from catalog.fetching.guard import check_url
from catalog.fetching.pacing import InProcessPacer
from catalog.fetching.policy import FetchPolicy
from catalog.fetching.robots import InProcessRobots

from .cases import TAKEN, Case

POLICY = FetchPolicy(
    "films", frozenset({"films.example"}), "Postersite/0.1", robots=False, max_attempts=1, deadline_s=2
)

_FINE = [
    "https://films.example/movie/7",
    "https://FILMS.example:443/movie/7",
    "https://films.example:0443/",
    "https://films.example/@evil.example/",
    "https://films.example?@evil.example",
    "https://films.example#@evil.example/",
    "https://films.example/%0d%0aHost:%20evil.example",
    "https://films.example/..%2f..%2fetc/passwd",
]
_WRONG = [
    "http://films.example/", "ftp://films.example/", "file:///etc/passwd", "gopher://films.example/_x",
    "data:text/html,x", "javascript:alert(1)", "//films.example/", "films.example", "https:films.example/",
    "https:/films.example/", "https:///films.example/", "https://", "https://films.example.evil.example/",
    "https://evilfilms.example/", "https://www.films.example/", "https://films.example./",
    "https://films.example:80/", "https://films.example:8443/", "https://films.example:0/",
    "https://films.example:65536/", "https://films.example:-1/", "https://films.example:443:80/",
    "https://films.example:443@evil.example/", "https://films.example@evil.example/",
    "https://user:secret@films.example/", "https://@films.example/", "https://films.example;@evil.example/",
    "https://evil.example\\@films.example/", "https://films.example\\.evil.example/",
    "https:\\\\films.example\\", "https://evil.example#@films.example/", "https://evil.example?films.example",
    "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/",
    "https://017700000001/", "https://0177.0.0.1/", "https://0/", "https://169.254.169.254/latest/meta-data/",
    "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[64:ff9b::7f00:1]/",
    "https://[fe80::1%25eth0]/", "https://[fe80::1%eth0]/", "https://[::]/", "https://[films.example]/",
    "https://[films.example/", "https://localhost/", "https://films%2eexample/", "https://films.example%00/",
    "https://films.example%2f@evil.example/", "https://films.example\x00.evil.example/",
    "https://films.example/\r\nHost: evil.example", "https://films.exa\tmple/", "\thttps://films.example/",
    " https://films.example/", "https://films.example/a b", "https://films。example/", "https://ﬁlms.example/",
    "https://fіlms.example/", "https://ⓕilms.example/", "https://xn--flms-u9c.example/",
    "https://films.example／evil.example/", "https://films.example\u202e/", "https://films.example:４４３/",
]  # fmt: skip
_INSIDE = [
    ("127.0.0.1", "loopback"), ("127.8.8.8", "loopback"), ("0.0.0.0", "this host"), ("10.1.2.3", "private"),  # noqa: S104
    ("172.16.0.1", "private"), ("192.168.1.1", "private"), ("169.254.169.254", "cloud metadata"),
    ("100.64.0.1", "carrier-grade NAT"), ("192.0.0.8", "protocol assignments"), ("192.88.99.1", "6to4 relay"),
    ("198.18.0.1", "benchmarking"), ("192.0.2.1", "documentation"), ("224.0.0.1", "multicast"),
    ("240.0.0.1", "reserved"), ("255.255.255.255", "broadcast"), ("::", "unspecified"), ("::1", "loopback"),
    ("::7f00:1", "IPv4-compatible"), ("::ffff:127.0.0.1", "IPv4-mapped"), ("::ffff:10.0.0.1", "IPv4-mapped"),
    ("::ffff:0:10.0.0.1", "IPv4-translated"), ("64:ff9b::a00:1", "NAT64"), ("64:ff9b::808:808", "NAT64"),
    ("64:ff9b:1::1", "local NAT64"), ("100::1", "discard"), ("2001::1", "Teredo"), ("2001:20::1", "ORCHID"),
    ("2001:db8::1", "documentation"), ("2002:a00:1::1", "6to4"), ("3fff::1", "documentation"),
    ("5f00::1", "segment routing"), ("fc00::1", "unique local"), ("fd12:3456::1", "unique local"),
    ("fe80::1", "link-local"), ("fec0::1", "site-local"), ("ff02::1", "multicast"),
]  # fmt: skip


def urls() -> list[Case]:
    def attempt(url: str) -> Callable[[], str]:
        def check() -> str:
            check_url(url, POLICY)
            return "asks films.example, port 443"

        return check

    cases = [Case(f"`{_visible(url)}`", TAKEN, attempt(url)) for url in _FINE]
    cases += [Case(f"`{_visible(url)}`", "Refused", attempt(url)) for url in _WRONG]
    cases.append(Case("an address of a million characters", "Refused", attempt(f"{_FINE[0]}{'x' * 10**6}")))
    return cases


def names() -> list[Case]:
    """films.example resolves to what is listed; nothing is sent, a connection is only noted."""
    cases = [
        Case(f"`{address}` ({what})", "Refused", lambda address=address: _connected([address]))  # type: ignore[misc]
        for address, what in _INSIDE
    ]
    public = "93.184.215.14"
    return [
        Case(f"`{public}`, a public one", TAKEN, lambda: _connected([public])),
        *cases,
        Case(
            "public when checked, `127.0.0.1` when asked again",
            TAKEN,
            lambda: _connected([public, "127.0.0.1"]),
        ),
        Case(
            "`127.0.0.1` when checked, public when asked again",
            "Refused",
            lambda: _connected(["127.0.0.1", public]),
        ),
        Case(
            "`10.0.0.1` first, a public one second in one answer",
            "Refused",
            lambda: _connected([("10.0.0.1", public)]),
        ),
        Case(
            "a public one first, `10.0.0.1` second in one answer",
            TAKEN,
            lambda: _connected([(public, "10.0.0.1")]),
        ),
        Case("no such name", "ServerTrouble", lambda: _connected([])),
        Case("a resolver that never answers", "Deadline", lambda: _connected([None], deadline_s=0.3)),
    ]


def _connected(answers: list[Any], deadline_s: float = 2.0) -> str:
    policy = FetchPolicy(
        "films", POLICY.hosts, "Postersite/0.1", robots=False, max_attempts=1, deadline_s=deadline_s
    )
    with _resolving(answers) as connected:
        try:
            PoliteClient(policy, InProcessPacer(), InProcessRobots()).get("https://films.example/")
        except ServerTrouble:
            if not connected:
                raise
    return f"connects to {' and '.join(connected)} only"


@contextlib.contextmanager
def _resolving(answers: list[Any]) -> Iterator[list[str]]:
    given = iter(answers)
    connected: list[str] = []
    over = threading.Event()

    def resolve(host: str, port: Any, *rest: Any, **more: Any) -> Any:
        # A numeric address is what the system itself answers without asking anybody.
        answer = host if host[0].isdigit() or ":" in host else next(given, "")
        if answer is None:
            over.wait(20)
        if not answer:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        addresses = [answer] if isinstance(answer, str) else answer
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0))
            if ":" in address
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in addresses
        ]

    def connect(self: socket.socket, address: Any) -> None:
        connected.append(address[0])
        raise ConnectionRefusedError(111, "Connection refused")

    with patch("socket.getaddrinfo", resolve), patch("socket.socket.connect", connect):
        yield connected
        over.set()


def _visible(url: str) -> str:
    return "".join(c if c.isprintable() and c != "`" else f"U+{ord(c):04X}" for c in url)
