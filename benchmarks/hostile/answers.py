"""Answers of a hostile server: redirects, headers, bodies, and pauses that never end."""

import gzip
import socket
import time
import zlib
from collections.abc import Callable

from catalog.fetching.client import PoliteClient
from catalog.fetching.pacing import InProcessPacer
from catalog.fetching.policy import FetchPolicy
from catalog.fetching.robots import InProcessRobots

from .cases import TAKEN, Case
from .server import LoopbackServer, Talk

CAP = 1_000_000
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def redirects() -> list[Case]:
    def to(location: str, expected: str, what: str = "") -> Case:
        return Case(what or f"to `{location}`", expected, lambda: _got(_redirecting(location)))

    return [
        to("/end", TAKEN),
        to("?end", TAKEN),
        to("http:end", TAKEN),
        to("/a%0d%0aX: y/end", TAKEN),
        to("/é/end", TAKEN, "to a path in UTF-8"),
        to("\\\\evil.example/end", TAKEN),
        to("/\\evil.example/end", TAKEN),
        to("../../../../end", TAKEN),
        to("/end#@evil.example", TAKEN),
        to("/end\r\nSet-Cookie: a=b", TAKEN, "to `/end` with a line break and a cookie after it"),
        to("http://evil.example/", "Refused"),
        to("//evil.example/", "Refused"),
        to("https://evil.example/", "Refused"),
        to("https://127.0.0.1/", "Refused"),
        to("http://127.0.0.1:1/", "Refused"),
        to("http://localhost/", "Refused"),
        to("http://169.254.169.254/latest/meta-data/", "Refused"),
        to("http://[::1]/", "Refused"),
        to("http://[::ffff:127.0.0.1]/", "Refused"),
        to("http://2130706433/", "Refused"),
        to("http://[", "Refused"),
        to("http://user@127.0.0.1/", "Refused"),
        to("file:///etc/passwd", "Refused"),
        to("ftp://x/", "Refused"),
        to("javascript:alert(1)", "Refused"),
        to("data:text/html,x", "Refused"),
        to("/" + "x" * 60_000, "Refused", "to an address of 60,000 characters"),
        to("", "Denied", "to nowhere"),
        to("/start", "ServerTrouble", "to itself"),
        Case("two pages that point at each other", "ServerTrouble", lambda: _got(_chain(lambda n: n % 2))),
        Case("three redirects", TAKEN, lambda: _got(_chain(lambda n: n + 1, 3))),
        Case("a fourth", "ServerTrouble", lambda: _got(_chain(lambda n: n + 1, 4))),
        Case("whose body never ends", TAKEN, lambda: _got(_endless_redirect)),
    ]


def answers() -> list[Case]:
    def sent(what: str, expected: str, *data: bytes, within_mb: int = 0) -> Case:
        return Case(what, expected, lambda: _got(_saying(b"".join(data))), within_mb)

    def dripped(what: str, start: bytes, drop: bytes = b"x") -> Case:
        return Case(what, "Deadline", lambda: _got(_dripping(start, drop), deadline_s=0.4))

    bomb = gzip.compress(bytes(200 * CAP), mtime=0)
    flat = zlib.compress(bytes(200 * CAP))
    whole = gzip.compress(b"film" * 100, mtime=0)
    raw = zlib.compress(b"film" * 100)[2:-4]
    zipped = OK + b"Content-Encoding: gzip\r\n"
    return [
        sent("no answer at all", "ServerTrouble"),
        sent("words that are no HTTP", "ServerTrouble", b"hello\r\n\r\n"),
        sent("a status line with status 99999", "ServerTrouble", b"HTTP/1.1 99999 OK\r\n\r\n"),
        sent("HTTP/9.9", "ServerTrouble", b"HTTP/9.9 200 OK\r\n\r\n"),
        sent("a status line of a megabyte", "ServerTrouble", b"HTTP/1.1 200 " + b"x" * CAP),
        sent("status 101, a change of protocol", "Denied", b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        sent(
            "status 103 and then the answer",
            TAKEN,
            b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n",
            OK,
            b"\r\nfilm",
        ),
        sent("status 206, a part unasked", "Denied", b"HTTP/1.1 206 Partial Content\r\n\r\nfilm"),
        sent("status 304, unasked", "Denied", b"HTTP/1.1 304 Not Modified\r\n\r\n"),
        sent("a header of a megabyte", "ServerTrouble", OK, b"X: ", b"x" * CAP, b"\r\n\r\n", within_mb=20),
        sent("ten thousand headers", "ServerTrouble", OK, b"X: y\r\n" * 10_000, b"\r\n", within_mb=20),
        sent("a header without a colon", TAKEN, OK, b"nonsense\r\n\r\nfilm"),
        sent("NUL and escape characters in headers", TAKEN, OK, b"X: \x00\x1b[2J\r\n\r\nfilm"),
        sent(
            "two lengths that differ",
            "ServerTrouble",
            OK,
            b"Content-Length: 4\r\nContent-Length: 9\r\n\r\nfilm",
        ),
        sent("a negative length", TAKEN, OK, b"Content-Length: -4\r\n\r\nfilm"),
        sent("a length of 30 digits", "TooLarge", OK, b"Content-Length: ", b"9" * 30, b"\r\n\r\nfilm"),
        sent("a length longer than the body", "Truncated", OK, b"Content-Length: 9\r\n\r\nfilm"),
        sent("a length shorter than the body", TAKEN, OK, b"Content-Length: 4\r\n\r\nfilm and more"),
        sent(
            "both a length and chunks",
            TAKEN,
            OK,
            b"Content-Length: 400\r\n",
            CHUNKED[17:],
            b"4\r\nfilm\r\n0\r\n\r\n",
        ),
        sent("chunks without an end", "Truncated", CHUNKED, b"4\r\nfilm\r\n"),
        sent("a chunk of no size", "Truncated", CHUNKED, b"zz\r\nfilm"),
        sent("a chunk of negative size", "Truncated", CHUNKED, b"-4\r\nfilm\r\n0\r\n\r\n"),
        sent("a chunk of 16 exabytes", "Truncated", CHUNKED, b"F" * 16, b"\r\nfilm"),
        sent(
            "a chunk's extension of a megabyte",
            "Truncated",
            CHUNKED,
            b"4;",
            b"x" * CAP,
            b"\r\nfilm",
            within_mb=20,
        ),
        sent("one byte over the cap", "TooLarge", OK, b"\r\n", bytes(CAP + 1), within_mb=20),
        sent(
            "a byte over the cap in chunks of twenty",
            "TooLarge",
            CHUNKED,
            (b"14\r\n" + b"x" * 20 + b"\r\n") * (CAP // 20 + 1),
            within_mb=20,
        ),
        sent("a gzip bomb, 200 MB", "TooLarge", zipped, b"\r\n", bomb, within_mb=20),
        sent(
            "a deflate bomb, 200 MB", "TooLarge", OK, b"Content-Encoding: deflate\r\n\r\n", flat, within_mb=20
        ),
        sent(
            "a gzip bomb of 100,000 empty members",
            TAKEN,
            zipped,
            b"\r\n",
            gzip.compress(b"", mtime=0) * 100_000,
            within_mb=20,
        ),
        sent(
            "gzip twice over",
            "ServerTrouble",
            OK,
            b"Content-Encoding: gzip, gzip\r\n\r\n",
            gzip.compress(whole),
        ),
        sent(
            "gzip in two headers",
            "ServerTrouble",
            zipped,
            b"Content-Encoding: gzip\r\n\r\n",
            gzip.compress(whole),
        ),
        sent("brotli, unasked", "ServerTrouble", OK, b"Content-Encoding: br\r\n\r\nxxxx"),
        sent("gzip that is none", "Truncated", zipped, b"\r\nfilm"),
        sent("gzip that breaks off", "Truncated", zipped, b"\r\n", whole[:-9]),
        sent("gzip with rubbish after it", TAKEN, zipped, b"\r\n", whole, b"rubbish"),
        sent("gzip with a wrong checksum", "Truncated", zipped, b"\r\n", whole[:-8], bytes(8)),
        sent("deflate without its header", TAKEN, OK, b"Content-Encoding: deflate\r\n\r\n", raw),
        sent(
            "Retry-After of a thousand years",
            "TryLater",
            b"HTTP/1.1 429 No\r\nRetry-After: 31556952000\r\n\r\n",
        ),
        sent("Retry-After that is no time", "TryLater", b"HTTP/1.1 429 No\r\nRetry-After: soon\r\n\r\n"),
        sent("an ETag of 60,000 characters", TAKEN, OK, b"ETag: ", b"x" * 60_000, b"\r\n\r\nfilm"),
        Case("a cookie to be sent back", TAKEN, _cookie),
        dripped("a byte of a header now and then", OK + b"X: "),
        dripped("headers without end", OK, b"X: y\r"),
        dripped("interim answers without end", b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        dripped("hints without end", b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        dripped("a byte of the body now and then", OK + b"\r\n"),
        dripped("trailers without end", CHUNKED + b"4\r\nfilm\r\n0\r\n", b"X: y\r\n"),
        Case("a TLS handshake, a byte now and then", "ServerTrouble", _slow_handshake),
    ]


def _saying(data: bytes) -> Talk:
    return lambda connection, path: connection.sendall(data)


def _redirecting(location: str) -> Talk:
    def talk(connection: socket.socket, path: str) -> None:
        if path == "/start":
            head = b"HTTP/1.1 302 Found\r\nLocation: " + location.encode() + b"\r\n\r\n"
        else:
            head = OK + b"\r\n" + path.encode("latin-1")
        connection.sendall(head)

    return talk


def _chain(following: Callable[[int], int], length: int = 100) -> Talk:
    def talk(connection: socket.socket, path: str) -> None:
        number = int(path.strip("/") or 0) if path != "/start" else 0
        if number >= length:
            connection.sendall(OK + b"\r\nfilm")
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /%d\r\n\r\n" % following(number))

    return talk


def _endless_redirect(connection: socket.socket, path: str) -> None:
    if path != "/start":
        return connection.sendall(OK + b"\r\nfilm")
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /end\r\n\r\n")
    while True:
        connection.sendall(bytes(10_000))  # until it is closed


def _dripping(start: bytes, drop: bytes) -> Talk:
    def talk(connection: socket.socket, path: str) -> None:
        connection.sendall(start)
        while True:
            connection.sendall(drop)  # until it is closed
            time.sleep(0.02)

    return talk


def _client(host: str, **changes: object) -> PoliteClient:
    rules: dict[str, object] = {"schemes": ("http",), "deadline_s": 20.0, **changes}
    policy = FetchPolicy(
        "films",
        frozenset({host}),
        "Postersite/0.1",
        allow_loopback=True,
        robots=False,
        max_attempts=1,
        min_interval_s=0.0,
        max_bytes=CAP,
        **rules,  # type: ignore[arg-type]
    )
    return PoliteClient(policy, InProcessPacer(), InProcessRobots())


def _got(talk: Talk, **changes: object) -> str:
    with LoopbackServer(talk) as server, _client(server.host, **changes) as client:
        fetched = client.get(f"http://{server.host}/start")
        where = fetched.final_url.removeprefix(f"http://{server.host}")
        return f"`{where}`, {len(fetched.body):,} bytes"


def _cookie() -> str:
    with (
        LoopbackServer(_saying(OK + b"Set-Cookie: a=b\r\n\r\nfilm")) as server,
        _client(server.host) as client,
    ):
        for _ in range(2):
            client.get(f"http://{server.host}/start")
        cookies = [head for head in server.asked if "cookie" in head.lower()]
        return f"the second request has {len(cookies) or 'no'} cookie"


def _slow_handshake() -> str:
    with LoopbackServer(_dripping(b"\x16\x03\x03\x40\x00", b"\x02")) as server:
        client = _client(server.host, schemes=("https",), connect_timeout_s=0.4)
        return str(client.get(f"https://{server.host}/start").status)
