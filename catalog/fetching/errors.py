"""Why a fetch failed, as sentences that name the address, and whether trying again can help."""


class FetchError(Exception):
    """Something could not be fetched; `retryable` says whether the same fetch may succeed later.

    `status` is the HTTP status that said so, None when it was not the server's.
    """

    retryable = False

    def __init__(
        self, url: str, what: str, *, retryable: bool | None = None, status: int | None = None
    ) -> None:
        super().__init__(f"{shown(url)}: {what}")
        self.url = url
        self.what = what
        self.status = status
        if retryable is not None:
            self.retryable = retryable


class NotFound(FetchError):
    """The server says that there is nothing (404) or nothing any more (410)."""


class Refused(FetchError):
    """We refuse to fetch it: not an allowed host, scheme, port or address."""


class RobotsDisallow(FetchError):
    """The site's robots.txt forbids it, or could not be read and so forbids everything for now."""


class Denied(FetchError):
    """The server does not let us (401, 403, 451) or answered with a status nobody expects here."""


class TooLarge(FetchError):
    """The body is over the policy's cap, as sent or after decompression."""


class Deadline(FetchError):
    """The policy's time for one fetch was over before the body was complete."""

    retryable = True


class TryLater(FetchError):
    """The server, or our own pacing, asks to come back after `retry_after_s` seconds."""

    retryable = True

    def __init__(self, url: str, what: str, *, retry_after_s: float, status: int | None = None) -> None:
        super().__init__(url, what, status=status)
        self.retry_after_s = retry_after_s


class ServerTrouble(FetchError):
    """No connection, a 5xx answer, or an answer that is no HTTP."""

    retryable = True


class Truncated(FetchError):
    """The body ended early, or its compression is damaged."""

    retryable = True


def shown(url: str) -> str:
    """`url` as fit for a log line: printable, at most 300 characters, and without a password."""
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    if separator and "@" in host:
        url = f"{scheme}://…@{host.rpartition('@')[2]}{slash}{path}"
    flat = "".join(c if c.isprintable() else "�" for c in url)
    return flat if len(flat) <= 300 else flat[:299] + "…"
