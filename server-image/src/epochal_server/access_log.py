"""Says of each request who sent it and what became of it, and never what stood in it: one JSON object a line."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from time import time
from typing import NamedTuple

import orjson
from epochal_api.text import printable

EVERY_SECONDS = 0.25
"""How often what has been gathered is written: a write for each request would cost a tenth of what answering does."""
MOST = 20_000
"""Requests that are gathered, at most: a log that nobody takes must not fill the memory."""


class Entry(NamedTuple):
    """A request, and what became of it."""

    time: float
    client: str
    method: str
    path: str
    protocol: str
    code: int
    seconds: float
    received: int
    sent: int


class AccessLog:
    """Gathers what is said of requests, and writes it in bulk.

    A line is made as its request ends. To make all of them at once, in the thread that writes them, would keep the
    event loop from Python for milliseconds, four times a second, and all requests of that time with it.

    Args:
        write: Writes lines; called from another thread.
    """

    def __init__(self, write: Callable[[bytes], None] | None = None) -> None:
        self._write = write or to_standard_output
        self._lines: list[bytes] = []
        self._lost = 0

    def add(self, entry: Entry) -> None:
        """Says something of a request, a moment later."""
        if len(self._lines) < MOST:
            self._lines.append(line(entry))
        else:
            self._lost += 1

    async def keep(self) -> None:
        """Writes again and again, until cancelled; then what is left."""
        try:
            while True:
                await asyncio.sleep(EVERY_SECONDS)
                if self._lines:
                    with suppress(OSError):  # a log that nobody takes is no reason to stop
                        await asyncio.to_thread(self._write, self._taken())
        finally:
            with suppress(OSError):
                self.flush()

    def flush(self) -> None:
        """Writes what has been gathered."""
        if self._lines:
            self._write(self._taken())

    def _taken(self) -> bytes:
        """Takes what has been gathered, in the thread that gathers: another could take it in the midst of that."""
        lines, self._lines = self._lines, []
        lost, self._lost = self._lost, 0
        if lost:
            told = {
                "ts": _at(time()),
                "logger": "access",
                "message": f"{lost} requests more, which nobody took in time",
            }
            lines.append(orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE))
        return b"".join(lines)


def line(entry: Entry) -> bytes:
    """Returns the line of a request."""
    told = {
        "ts": _at(entry.time),
        "logger": "access",
        # As people know it: where IPv6 is listened to, too, an address of IPv4 comes as a part of one.
        "client": entry.client.removeprefix("::ffff:"),
        "method": entry.method,
        "path": printable(entry.path),
        "protocol": entry.protocol,
        "code": entry.code,
        "seconds": round(entry.seconds, 6),
        "received": entry.received,
        "sent": entry.sent,
    }
    return orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)


def to_standard_output(lines: bytes) -> None:
    """Writes lines, all of them: a pipe may take a part."""
    left = memoryview(lines)
    while left:
        left = left[os.write(1, left) :]


def _at(seconds: float) -> str:
    second = int(seconds)
    return f"{_second(second)}.{int((seconds - second) * 1000):03}+00:00"


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
