"""One request and its one answer: the status judged, the body read within caps."""

import http.client
from collections.abc import Mapping
from dataclasses import dataclass

import requests
import urllib3.exceptions

from .deadline import CutOff, TimeIsOver, cut_off_after
from .decompression import ENCODINGS, Damaged, Unpacker
from .errors import Deadline, Denied, FetchError, NotFound, ServerTrouble, TooLarge, Truncated, TryLater
from .guard import GuardedAdapter
from .policy import FetchPolicy
from .retry_after import retry_after_s

_BLOCK = 64 * 1024
_REDIRECTS = (301, 302, 303, 307, 308)

# What http.client says of these is for programmers.
_IN_WORDS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    ((http.client.IncompleteRead, urllib3.exceptions.IncompleteRead), "it ended before it was whole"),
    (http.client.RemoteDisconnected, "the server hung up without a word"),
    ((http.client.BadStatusLine, http.client.UnknownProtocol), "what it sent is not HTTP"),
    (http.client.LineTooLong, "it has a line that is too long for HTTP"),
    (ValueError, "its parts have no sizes that HTTP knows"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered; `location` is set for a redirect, whose body is not read."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    location: str | None = None


def ask(
    adapter: GuardedAdapter,
    request: requests.PreparedRequest,
    policy: FetchPolicy,
    *,
    url: str,
    remaining_s: float,
    now: float,
    body_limit: int,
    cut_body: bool = False,
) -> Answer:
    """Send `request` and read its answer within `remaining_s` seconds and `body_limit` bytes.

    `url` is the address in messages: the request's may hold a key. `now` (seconds since 1970) is for a
    Retry-After that is a date. With `cut_body` a longer body is cut at the limit instead of refused. Raises
    FetchErrors, and nothing else for what a network can do.
    """
    timeout = (min(policy.connect_timeout_s, remaining_s), remaining_s)
    with cut_off_after(remaining_s) as cut_off:
        try:
            response = adapter.send(request, stream=True, timeout=timeout, verify=True, proxies={})
        except requests.exceptions.SSLError as error:
            _raise_if_over(cut_off, url, policy)
            raise ServerTrouble(url, f"no secure connection: {_cause(error)}", retryable=False) from error
        except (requests.exceptions.ReadTimeout, TimeIsOver) as error:
            # So is called, too, when TLS is not agreed on within the time for connecting.
            if cut_off.left_s > 0.05:
                raise ServerTrouble(
                    url, f"no secure connection within {policy.connect_timeout_s:g} s"
                ) from error
            # The socket waits as long as the deadline leaves; whichever of the two rings first, time is over.
            raise _over(url, policy) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, UnicodeError) as error:
            _raise_if_over(cut_off, url, policy)
            raise ServerTrouble(url, f"no answer: {_cause(error)}") from error
        try:
            headers = {name.lower(): value for name, value in response.headers.items()}
            status = response.status_code
            if status in _REDIRECTS and headers.get("location"):
                return Answer(status, headers, b"", headers["location"])
            if status == 304 and {"If-None-Match", "If-Modified-Since"} & set(request.headers):
                return Answer(status, headers, b"")
            _judge(url, status, headers, now, policy)
            body = _body(response, url, headers, body_limit, cut_body)
        except urllib3.exceptions.ReadTimeoutError as error:
            raise _over(url, policy) from error
        except Damaged as error:
            _raise_if_over(cut_off, url, policy)
            raise Truncated(url, f"the answer broke off: {error}") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            _raise_if_over(cut_off, url, policy)
            raise Truncated(url, f"the answer broke off: {_cause(error)}") from error
        finally:
            response.close()
        _raise_if_over(cut_off, url, policy)  # a body without a length ends as quietly when it is cut
        return Answer(status, headers, body)


def _judge(url: str, status: int, headers: Mapping[str, str], now: float, policy: FetchPolicy) -> None:
    if status in (200, 203):
        return
    if status in (404, 410):
        raise NotFound(url, f"the server has nothing there (status {status})", status=status)
    asked = retry_after_s(headers.get("retry-after"), now, policy.max_retry_after_s)
    if status == 429 or (status == 503 and asked is not None):
        wait = policy.max_backoff_s if asked is None else asked
        raise TryLater(
            url,
            f"the server asks to come back in {wait:.0f} s (status {status})",
            retry_after_s=wait,
            status=status,
        )
    if status >= 500 or status in (408, 425):
        raise ServerTrouble(url, f"the server is in trouble (status {status})", status=status)
    if status >= 400:
        raise Denied(url, f"the server does not let us have it (status {status})", status=status)
    raise Denied(
        url, f"the server answered with status {status}, which is no page and no image", status=status
    )


def _body(response: requests.Response, url: str, headers: Mapping[str, str], limit: int, cut: bool) -> bytes:
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in ENCODINGS:
        raise ServerTrouble(url, f"the body is compressed as {encoding[:40]!r}, unasked", retryable=False)
    declared = headers.get("content-length", "")
    if not cut and declared.isascii() and declared.isdigit() and int(declared[:20]) > limit:
        raise TooLarge(url, f"it has {int(declared[:20]):,} bytes; {limit:,} is the most")
    body = bytearray()  # not a list of blocks: a server may send them by the byte
    unpacker = Unpacker(encoding)
    # read1 waits for no whole block.
    while sent := response.raw.read1(_BLOCK, decode_content=False):
        for block in unpacker.blocks(sent):
            body += block
            if len(body) > limit:
                if not cut:
                    raise TooLarge(url, f"it has more than {limit:,} bytes")
                return bytes(body[:limit])
    unpacker.finish()
    return bytes(body)


def _raise_if_over(cut_off: CutOff, url: str, policy: FetchPolicy) -> None:
    if cut_off.over:
        raise _over(url, policy)


def _over(url: str, policy: FetchPolicy) -> Deadline:
    return Deadline(url, f"no complete answer within {policy.deadline_s:g} s; try again later")


def _cause(error: Exception) -> str:
    """The innermost reason in a few words: libraries wrap it three deep, with addresses of objects."""
    cause: BaseException = error
    while (inner := getattr(cause, "reason", None) or cause.__cause__ or cause.__context__) is not None:
        if not isinstance(inner, BaseException) or isinstance(inner, FetchError):
            break
        cause = inner
    for kinds, sentence in _IN_WORDS:
        if isinstance(cause, kinds):
            return sentence
    return (getattr(cause, "strerror", None) or str(cause) or type(cause).__name__)[:200]
