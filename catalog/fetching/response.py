"""One request and its response: the status checked, the body read and decompressed within limits."""

import http.client
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import urllib3.exceptions

from .deadline import Deadline, DeadlineReached, deadline_after
from .errors import DeadlineExceeded, Denied, FetchError, NotFound, ServerError, TooLarge, Truncated, TryLater
from .guard import GuardedAdapter
from .policy import FetchPolicy

ENCODINGS = ("", "identity", "gzip", "x-gzip", "deflate")
LONGEST_ETAG, LONGEST_DATE = 200, 60  # characters; a longer one is hardly worth storing

_BLOCK = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS
_REDIRECTS = (301, 302, 303, 307, 308)

# The messages of http.client are for programmers.
_REASONS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    ((http.client.IncompleteRead, urllib3.exceptions.IncompleteRead), "it ended early"),
    (http.client.RemoteDisconnected, "the server closed the connection without a response"),
    ((http.client.BadStatusLine, http.client.UnknownProtocol), "it is not HTTP"),
    (http.client.LineTooLong, "it has a line that is too long for HTTP"),
    (ValueError, "the sizes of its chunks are not valid HTTP"),
)


@dataclass(frozen=True, slots=True)
class Response:
    """The response of a server. With status 304 the body is empty: the stored copy is still valid.

    `url` is the address that responded in the end, without a key. `headers` have lower-case names. `location`
    is set for a redirect, whose body is not read.
    """

    url: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    location: str | None = None

    @property
    def content_type(self) -> str:
        """In lower case, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def etag(self) -> str:
        """A validator; "" if there is none, or an unreasonably long one."""
        return _unless_longer(self.headers.get("etag", ""), LONGEST_ETAG)

    @property
    def last_modified(self) -> str:
        """A validator; "" if there is none, or an unreasonably long one."""
        return _unless_longer(self.headers.get("last-modified", ""), LONGEST_DATE)


def send(
    adapter: GuardedAdapter,
    request: requests.PreparedRequest,
    policy: FetchPolicy,
    *,
    url: str,
    remaining_s: float,
    now: float,
    body_limit: int,
    truncate_body: bool = False,
) -> Response:
    """Send `request` and read its response within `remaining_s` seconds and `body_limit` bytes.

    `url` is the address in messages: the request's may contain a key. `now` (seconds since 1970) is for a
    Retry-After that is a date. With `truncate_body` a longer body is truncated instead of refused. Raises
    FetchErrors, and nothing else for what a network can do.
    """
    timeout = (min(policy.connect_timeout_s, remaining_s), remaining_s)
    with deadline_after(remaining_s) as deadline:
        try:
            response = adapter.send(request, stream=True, timeout=timeout, verify=True, proxies={})
        except requests.exceptions.SSLError as error:
            _check_deadline(deadline, url, policy)
            raise ServerError(url, f"no secure connection: {_cause(error)}", retryable=False) from error
        except (requests.exceptions.ReadTimeout, DeadlineReached) as error:
            # A TLS handshake that takes longer than the time for connecting is a ReadTimeout, too.
            if deadline.remaining_s > 0.05:
                raise ServerError(
                    url, f"no secure connection within {policy.connect_timeout_s:g} s"
                ) from error
            # The socket's timeout is what the deadline leaves; whichever of the two comes first.
            raise _exceeded(url, policy) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, UnicodeError) as error:
            _check_deadline(deadline, url, policy)
            raise ServerError(url, f"no response: {_cause(error)}") from error
        try:
            headers = {name.lower(): value for name, value in response.headers.items()}
            status = response.status_code
            if status in _REDIRECTS and headers.get("location"):
                return Response(url, status, headers, b"", headers["location"])
            if status == 304 and {"If-None-Match", "If-Modified-Since"} & set(request.headers):
                return Response(url, status, headers, b"")
            _check_status(url, status, headers, now, policy)
            body = _body(response, url, headers, body_limit, truncate_body)
        except urllib3.exceptions.ReadTimeoutError as error:
            raise _exceeded(url, policy) from error
        except DamagedBody as error:
            _check_deadline(deadline, url, policy)
            raise Truncated(url, f"the response broke off: {error}") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            _check_deadline(deadline, url, policy)
            raise Truncated(url, f"the response broke off: {_cause(error)}") from error
        finally:
            response.close()
        _check_deadline(deadline, url, policy)  # a body without a length ends silently at the deadline
        return Response(url, status, headers, body)


def retry_after_s(text: str | None, now: float, longest_s: float) -> float | None:
    """Seconds to wait by a Retry-After header (RFC 9110, 10.2.3): seconds, or a date.

    Between 0 and `longest_s`, from `now` (since 1970); None if `text` is neither.
    """
    text = (text or "").strip()
    if re.fullmatch(r"[0-9]{1,12}", text):
        return min(float(text), longest_s)
    try:
        date = parsedate_to_datetime(text)
        moment = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(moment - now, 0.0), longest_s)


def _check_status(url: str, status: int, headers: Mapping[str, str], now: float, policy: FetchPolicy) -> None:
    if status in (200, 203):
        return
    if status in (404, 410):
        raise NotFound(url, f"the server has nothing there (status {status})", status=status)
    retry_after = retry_after_s(headers.get("retry-after"), now, policy.max_retry_after_s)
    if status == 429 or (status == 503 and retry_after is not None):
        wait = policy.max_backoff_s if retry_after is None else retry_after
        raise TryLater(
            url,
            f"the server requests a wait of {wait:.0f} s (status {status})",
            retry_after_s=wait,
            status=status,
        )
    if status >= 500 or status in (408, 425):
        raise ServerError(url, f"the server has a problem (status {status})", status=status)
    if status >= 400:
        raise Denied(url, f"the server denies access (status {status})", status=status)
    raise Denied(url, f"the server responded with status {status}, without a page or image", status=status)


def _body(
    response: requests.Response, url: str, headers: Mapping[str, str], limit: int, truncate: bool
) -> bytes:
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in ENCODINGS:
        raise ServerError(
            url, f"the body is compressed as {encoding[:40]!r}, which was not requested", retryable=False
        )
    declared = headers.get("content-length", "")
    if not truncate and declared.isascii() and declared.isdigit() and int(declared[:20]) > limit:
        raise TooLarge(url, f"it has {int(declared[:20]):,} bytes; the limit is {limit:,}")
    body = bytearray()  # not a list of blocks: a server may send single bytes
    decompressor = Decompressor(encoding)
    # read1 does not wait for a whole block.
    while sent := response.raw.read1(_BLOCK, decode_content=False):
        for block in decompressor.blocks(sent):
            body += block
            if len(body) > limit:
                if not truncate:
                    raise TooLarge(url, f"it has more than {limit:,} bytes")
                return bytes(body[:limit])
    decompressor.finish()
    return bytes(body)


def _check_deadline(deadline: Deadline, url: str, policy: FetchPolicy) -> None:
    if deadline.reached:
        raise _exceeded(url, policy)


def _exceeded(url: str, policy: FetchPolicy) -> DeadlineExceeded:
    return DeadlineExceeded(url, f"no complete response within {policy.deadline_s:g} s; try again later")


def _cause(error: Exception) -> str:
    """The innermost reason in a few words: libraries wrap it three deep, with addresses of objects."""
    cause: BaseException = error
    while (inner := getattr(cause, "reason", None) or cause.__cause__ or cause.__context__) is not None:
        if not isinstance(inner, BaseException) or isinstance(inner, FetchError):
            break
        cause = inner
    for kinds, sentence in _REASONS:
        if isinstance(cause, kinds):
            return sentence
    return (getattr(cause, "strerror", None) or str(cause) or type(cause).__name__)[:200]


def _unless_longer(validator: str, longest: int) -> str:
    return validator if len(validator) <= longest else ""


class DamagedBody(ValueError):
    """A body cannot be decompressed, or ended early."""


class Decompressor:
    """The decompressed blocks of one body; `finish` checks that it was complete.

    Consecutive gzip members are one body, and what follows them is ignored; "deflate" is zlib's format, or
    the raw one that some servers send. `encoding` is one of ENCODINGS.
    """

    def __init__(self, encoding: str) -> None:
        self._compressed = encoding not in ("", "identity")
        self._gzip = encoding in ("gzip", "x-gzip")
        self._start = b""
        self._zlib: Any = None
        self._members = 0
        self._ended = False

    def blocks(self, data: bytes) -> Iterator[bytes]:
        """Decompress `data`, the next bytes of the body, to blocks of at most 64 KiB. Raises DamagedBody."""
        if not self._compressed:
            yield data
            return
        if self._zlib is None:
            self._start += data
            if len(self._start) < 2:
                return
            self._zlib, data = zlib.decompressobj(self._format()), self._start
        while data and not self._ended:
            if self._zlib.eof:
                if not self._gzip or not data.startswith(b"\x1f"):
                    self._ended = True
                    return
                self._zlib = zlib.decompressobj(_GZIP)
            try:
                block = self._zlib.decompress(data, _BLOCK)
            except zlib.error as error:
                if not self._members:
                    raise DamagedBody("its compression is damaged") from error
                self._ended = True
                return
            self._members += self._zlib.eof
            data = self._zlib.unconsumed_tail or self._zlib.unused_data
            if block:
                yield block

    def finish(self) -> None:
        """Raise DamagedBody if the body ended before its compression did; an empty body is complete."""
        ended = self._ended or (self._zlib is not None and self._zlib.eof)
        if self._start and not ended:
            raise DamagedBody("its compression breaks off")

    def _format(self) -> int:
        if self._gzip:
            return _GZIP
        # RFC 1950, 2.2: eight in the low half of the first byte, and both together a multiple of 31.
        first, second = self._start[:2]
        has_header = first & 15 == zlib.DEFLATED and (first * 256 + second) % 31 == 0
        return zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS
