"""Threads that process requests, behind a bounded queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Busy(Exception):
    """The queue is full, or the request has waited in it for too long."""


class Pool:
    """Runs functions in threads. At most ``queue_length`` wait for one, each at most ``queue_s`` seconds."""

    def __init__(self, threads: int, queue_length: int, queue_s: float) -> None:
        self.queue_length = queue_length
        self.queue_s = queue_s
        self.waiting = 0
        self._free = asyncio.Semaphore(threads)
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="request")

    async def run(self, function: Callable[[], T]) -> T:
        """Returns what ``function`` returns. Raises Busy, not having called it, when no thread is free."""
        if self._free.locked() and self.waiting >= self.queue_length:
            raise Busy
        self.waiting += 1
        try:
            async with asyncio.timeout(self.queue_s):
                await self._free.acquire()
        except TimeoutError:
            raise Busy from None
        finally:
            self.waiting -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, function)
        finally:
            self._free.release()
