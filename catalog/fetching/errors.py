"""Errors of requests: their messages name the address, and they know whether a retry can help."""


class FetchError(Exception):
    """A request failed; `retryable` says whether the same request may succeed later.

    `status` is the HTTP status of the response, None if there was none. `code` is what metrics count.
    """

    retryable = False
    code = "failed"

    def __init__(
        self, url: str, what: str, *, retryable: bool | None = None, status: int | None = None
    ) -> None:
        super().__init__(f"{printable(url)}: {what}")
        self.url = url
        self.what = what
        self.status = status
        if retryable is not None:
            self.retryable = retryable


class NotFound(FetchError):
    """The server has nothing there (404), or not any more (410)."""

    code = "not_found"


class Refused(FetchError):
    """We refuse to fetch it: not an allowed host, scheme, port or address."""

    code = "refused"


class RobotsDisallow(FetchError):
    """The site's robots.txt disallows it, or could not be read and so disallows everything for now."""

    code = "robots"


class Denied(FetchError):
    """The server denies access (401, 403, 451) or responded with an unexpected status."""

    code = "denied"


class TooLarge(FetchError):
    """The body is over the policy's limit, as sent or after decompression."""

    code = "too_large"


class DeadlineExceeded(FetchError):
    """The response was not complete at the deadline."""

    code = "too_slow"
    retryable = True


class TryLater(FetchError):
    """The server, or our own throttle, requires a wait of `retry_after_s` seconds."""

    code = "try_later"
    retryable = True

    def __init__(self, url: str, what: str, *, retry_after_s: float, status: int | None = None) -> None:
        super().__init__(url, what, status=status)
        self.retry_after_s = retry_after_s


class ServerError(FetchError):
    """No connection, a 5xx response, or a response that is not HTTP."""

    code = "server_error"
    retryable = True


class Truncated(FetchError):
    """The body ended early, or its compression is damaged."""

    code = "truncated"
    retryable = True


def printable(url: str) -> str:
    """`url` for a log line: printable, at most 300 characters, and without a password."""
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    if separator and "@" in host:
        url = f"{scheme}://…@{host.rpartition('@')[2]}{slash}{path}"
    flat = "".join(c if c.isprintable() else "�" for c in url)
    return flat if len(flat) <= 300 else flat[:299] + "…"
