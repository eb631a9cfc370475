"""How long a visitor waits while other clients send requests slowly, or too many: for several web servers.

    python -m benchmarks.slow_clients                               the site's own server, 8 and 1,000 clients
    python -m benchmarks.slow_clients --server gthread --server waitress --attack headers --clients 8
    python -m benchmarks.slow_clients --proxy nginx                 the same behind nginx (needs the program)

Starts each server on loopback and stops it. POSTERSITE_VAR names the site to serve (an empty one by default).
Servers that are not installed are left out: pip install waitress granian gevent cheroot uvicorn hypercorn.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks._scratch_site import HOST, MANAGE, free_port, started, visit

WSGI = "postersite.wsgi:application"
GUNICORN = ["gunicorn", "postersite.wsgi", "--bind={address}", "--workers=2", "--no-control-socket"]
SERVERS: dict[str, list[str]] = {
    "site": ["gunicorn", "-c", "python:postersite.web.gunicorn_settings", "--bind={address}"],
    "gthread": [*GUNICORN, "--worker-class=gthread", "--threads=4", "--timeout=60"],
    "gevent": [*GUNICORN, "--worker-class=gevent", "--timeout=60"],
    "waitress": ["waitress", "--listen={address}", "--threads=8", "--connection-limit=2000", WSGI],
    "granian": [
        *["granian", "--interface=wsgi", "--workers=2", "--blocking-threads=4", "--backpressure=2000"],
        *["--http1-header-read-timeout=10000", "--host={host}", "--port={port}", WSGI],
    ],
    "cheroot": ["cheroot", "--bind={address}", "--threads=8", WSGI],
    "uvicorn": [
        "uvicorn", "--host={host}", "--port={port}", "--workers=2", "postersite.asgi:application",
    ],
    "hypercorn": ["hypercorn", "--bind={address}", "--workers=2", "postersite.asgi:application"],
}  # fmt: skip
# Without the cookie, Django refuses the form before it reads it.
POST = (
    b"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Cookie: csrftoken=" + b"a" * 32 + b"\r\n"
)
# What each client sends first, and whether it continues with a byte a second.
ATTACKS: dict[str, tuple[bytes, bool]] = {
    "headers": (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", False),
    "bodies": (POST + b"Content-Length: 5000\r\n\r\nusername=", False),
    "dripped-headers": (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", True),
    "dripped-bodies": (POST + b"Content-Length: 5000\r\n\r\nusername=", True),
    "chunks": (POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nusern\r\n1000\r\n", True),
    # Not slow, but many: each requests pages as fast as it gets them.
    "flood": (b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", False),
}
NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_header_timeout 10s; client_body_timeout 10s; client_max_body_size 25m;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/a;
  uwsgi_temp_path {folder}/b; scgi_temp_path {folder}/c;
  server {{
    listen {host}:{port};
    location / {{
      proxy_pass http://{upstream}; proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;
    }}
  }}
}}
"""


def visits(port: int, path: str, seconds: float, patience_s: float) -> list[tuple[float, int]]:
    """Visit again and again, at most five times a second."""
    found = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found.append(visit(port, path, patience_s))
        time.sleep(max(0.0, 0.2 - found[-1][0]))
    return found


def attack(name: str, port: int, clients: int, seconds: float) -> None:
    """Runs in its own process. A client whose connection is closed connects again."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, clients + 200)), hard))
    opening, drips = ATTACKS[name]

    async def client(number: int) -> None:
        await asyncio.sleep(number / max(clients, 500))  # not all in the same moment
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(HOST, port)
                writer.write(opening)
                await hold(reader, writer, drips)
                writer.close()
            await asyncio.sleep(0 if name == "flood" else 0.2)

    async def everyone() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(client(number) for number in range(clients)))

    asyncio.run(everyone())


async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, drips: bool) -> None:
    """Hold the connection until the server closes it; send a byte a second if `drips`."""
    end = asyncio.ensure_future(reader.read())
    with contextlib.suppress(OSError):
        while not (await asyncio.wait({end}, timeout=1))[0]:
            if drips:
                writer.write(b"x")
    end.cancel()


@contextlib.contextmanager
def behind(proxy: str, upstream: int) -> Iterator[int]:
    """The port for visitors: the server's own, or that of a proxy in front of it."""
    if proxy == "none":
        yield upstream
        return
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        if proxy == "nginx":
            program = shutil.which("nginx") or os.environ.get("NGINX", "")
            if not program:
                raise SystemExit("nginx is not installed; NGINX may name the program.")
            settings = Path(folder) / "nginx.conf"
            places = {"folder": folder, "host": HOST, "port": port, "upstream": f"{HOST}:{upstream}"}
            settings.write_text(NGINX.format(**places))
            command = [program, "-p", folder, "-c", str(settings)]
        else:
            command = [sys.executable, "-m", "benchmarks.slow_clients", "--relay", str(port), str(upstream)]
        with started(command, port):
            yield port


async def relay(port: int, upstream: int) -> None:
    """A proxy that forwards every byte as it arrives, on one connection for each client."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection(HOST, upstream)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, upstream_writer), pump(upstream_reader, writer))

    server = await asyncio.start_server(serve, HOST, port, backlog=2000)
    await server.serve_forever()


def measure(
    server: str, proxy: str, attacks: list[str], clients: list[int], seconds: float, path: str
) -> None:
    upstream = free_port()
    places = {"address": f"{HOST}:{upstream}", "host": HOST, "port": upstream}
    command = [sys.executable, "-m", *(part.format(**places) for part in SERVERS[server])]
    for number in clients:
        for name in attacks:
            with started(command, upstream), behind(proxy, upstream) as port:
                visit(port, path, 30)
                before = [seconds for seconds, _ in visits(port, path, 2, 5)]
                attackers = multiprocessing.get_context("spawn").Process(
                    target=attack, args=(name, port, number, seconds + 1)
                )
                attackers.start()
                time.sleep(2)
                during = visits(port, path, seconds - 2, seconds)
                attackers.join()
            waits = sorted(each for each, _ in during)
            failed = sum(status == 0 for _, status in during)
            busy = sum(status == 503 for _, status in during)
            worst = waits[-1] - statistics.median(before)
            # A flood may get many responses 503, but quickly.
            allowed = worst <= 4 if name == "flood" else worst <= 1 and not busy
            passed = "ok  " if allowed and not failed else "FAIL"
            print(
                f"{passed} {server:9} {proxy:5} {number:5} {name:15}  {len(during):3} visits  median "
                f"{statistics.median(waits):6.3f} s  worst {waits[-1]:6.3f} s  failed {failed}  503 {busy}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--server", action="append", choices=SERVERS)
    parser.add_argument("--attack", action="append", choices=ATTACKS)
    parser.add_argument("--clients", type=int, nargs="+", default=[8, 1000])
    parser.add_argument("--proxy", choices=("none", "relay", "nginx"), default="none")
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--path", default="/", help="the page that is visited (default: %(default)s)")
    parser.add_argument("--relay", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.relay:
        asyncio.run(relay(*options.relay))
        return
    if not 3 <= options.seconds <= 60 or not all(0 < number <= 2000 for number in options.clients):
        parser.error("3 to 60 seconds, and 1 to 2,000 clients")
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("POSTERSITE_VAR", folder)
        os.environ.setdefault("POSTERSITE_SAMPLE", "0")
        subprocess.run([*MANAGE, "migrate", "-v0"], check=True)
        subprocess.run([*MANAGE, "collectstatic", "-v0", "--noinput"], check=True)
        for server in options.server or ["site"]:
            try:
                measure(
                    server, options.proxy, options.attack or list(ATTACKS)[:5], options.clients,
                    options.seconds, options.path,
                )  # fmt: skip
            except SystemExit as error:
                print(f"     {server:9} {error}")


if __name__ == "__main__":
    main()
