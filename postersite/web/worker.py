"""A gunicorn worker that serves the site with postersite.web.server."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal

from gunicorn.workers.base import Worker as BaseWorker

from .limits import Limits

# Enough for the connections of Limits, each with an open file; macOS allows at most 10,240.
FILES = 10_000


class Worker(BaseWorker):
    """Processes `threads` requests at once; ends with its parent, and after SIGTERM finishes its requests."""

    def run(self) -> None:
        raise_file_limit()
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        # Imported here: gunicorn's parent process imports this module and needs no Django.
        from .server import Server

        leave_alone_what_is_loaded()
        server = Server(self.wsgi, threads=self.cfg.threads, limits=Limits())
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        for listener in self.sockets:
            listener.sock.setblocking(False)
            server.add_socket(listener.sock)
        while not stop.is_set() and self.ppid == os.getppid():
            self.notify()
            try:
                async with asyncio.timeout(1):
                    await stop.wait()
            except TimeoutError:
                continue
        # gunicorn kills this process when that takes longer than graceful_timeout.
        await server.shut_down()


def leave_alone_what_is_loaded() -> None:
    """Lets garbage collection pass over modules, settings and addresses, and look for cycles less often.

    They are 130,000 objects that stay until the process ends. A page makes some ten thousand, and nearly
    all of them are freed without it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def raise_file_limit() -> None:
    """Allows this process FILES open files, or as many as the system permits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            return  # fewer connections then: Server reads the limit that holds
