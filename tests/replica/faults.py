"""The replica site with faults: responses that replace the true one, a number of times or always."""

import gzip
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from catalog.sample.site import ReplicaSite, Response

Fault = Callable[["FaultySite", str], Response]

ALWAYS = -1


@dataclass
class _Planned:
    part: str
    fault: Fault
    times: int


class FaultySite(ReplicaSite):
    """`site.spoil("/t/p/", status(500), times=2)` replaces the next two responses to paths with "/t/p/"."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        self._planned: list[_Planned] = []
        self._lock = threading.Lock()
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]

    def spoil(self, part: str, fault: Fault, times: int = ALWAYS) -> None:
        with self._lock:
            self._planned.append(_Planned(part, fault, times))

    def mend(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._planned.clear()

    def override(self, path: str) -> Response | None:
        with self._lock:
            planned = next((p for p in self._planned if p.part in path and p.times != 0), None)
            if planned is None:
                return None
            planned.times -= planned.times > 0
        return planned.fault(self, path)

    def paths(self, part: str = "") -> list[str]:
        """The paths requested so far that contain `part`, in order."""
        return [path for _, path, _ in list(self.log) if part in path]


def status(code: int, **headers: str) -> Fault:
    """An error status; `retry_after="3"` becomes the header Retry-After."""
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}
    return lambda site, path: Response(code, {"Content-Type": "text/plain", **named}, b"no\n")


def not_found() -> Fault:
    return status(404)


def too_many(retry_after: str) -> Fault:
    return status(429, retry_after=retry_after)


def slow(seconds: float) -> Fault:
    """The true response, after `seconds`."""
    return lambda site, path: replace(site.respond(path), delay_s=seconds)


def truncated(length: int = 100) -> Fault:
    """The true response with its full Content-Length, but only the first `length` bytes of the body."""
    return lambda site, path: replace(site.respond(path), truncate_to=length)


def redirect(to: str, code: int = 302) -> Fault:
    """`{path}` in `to` is replaced by the requested path."""
    return lambda site, path: Response(code, {"Location": to.replace("{path}", path)})


def html_instead() -> Fault:
    """A page with status 200 instead of an image, as from a captive portal or a consent wall."""
    return body(b"<!doctype html><title>Please wait</title><p>Checking your browser")


def giant(size: int, declared: bool = True) -> Fault:
    """A body of `size` bytes, with a Content-Length or in chunks without a length."""
    body = bytes(size)
    if declared:
        return lambda site, path: Response(200, {"Content-Type": "image/jpeg"}, body)
    headers = {"Content-Type": "image/jpeg", "Transfer-Encoding": "chunked"}
    return lambda site, path: Response(200, headers, b"%x\r\n%b\r\n0\r\n\r\n" % (size, body))


def gzip_bomb(size: int) -> Fault:
    """`size` zero bytes, a thousandth of that on the wire."""
    headers = {"Content-Type": "image/jpeg", "Content-Encoding": "gzip"}
    return lambda site, path: Response(200, headers, gzip.compress(bytes(size)))


def body(data: bytes, content_type: str = "text/html", **headers: str) -> Fault:
    """Exactly these bytes."""
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}
    return lambda site, path: Response(200, {"Content-Type": content_type, **named}, data)
