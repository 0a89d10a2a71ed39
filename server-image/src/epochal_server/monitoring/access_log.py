"""The access log: a line of JSON for each request, with client, path, status code and duration, without its body."""

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

WRITE_SECONDS = 0.25
"""Seconds between two writes. A write for each request would take a tenth of the time of an answer."""
MAX_LINES = 20_000
"""Maximum number of lines in memory; further lines are dropped. A log that no reader consumes must not fill memory."""

MAX_PATH = 512
"""Maximum characters of a request's path in its line. A longer path is cut. A client may send a path of thousands of
bytes that are escaped, and the lines of such requests must not fill memory, either."""


class Entry(NamedTuple):
    """The data of one finished request for the metrics and the access log."""

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
    """Collects the log lines of requests and writes them in bulk.

    A line is formatted when its request ends. To format all lines in the writer's thread would hold Python's lock for
    milliseconds, four times a second. The event loop and all its requests would wait for that time.
    """

    def __init__(self, write: Callable[[bytes], None] | None = None) -> None:
        self._write = write or to_standard_output
        self._lines: list[bytes] = []
        self._lost = 0

    def add(self, entry: Entry) -> None:
        """Add the line of a request to the lines that `run` will write. Above MAX_LINES, drop the line."""
        if len(self._lines) < MAX_LINES:
            self._lines.append(line(entry))
        else:
            self._lost += 1

    async def run(self) -> None:
        """Write the collected lines every WRITE_SECONDS until cancelled, then write the remaining lines."""
        try:
            while True:
                await asyncio.sleep(WRITE_SECONDS)
                if self._lines:
                    with suppress(OSError):  # a failed write of the log does not stop the server
                        await asyncio.to_thread(self._write, self._take())
        finally:
            with suppress(OSError):
                self.flush()

    def flush(self) -> None:
        """Write all collected lines now."""
        if self._lines:
            self._write(self._take())

    def _take(self) -> bytes:
        """Remove and return the collected lines, with a line about dropped lines.

        The thread that adds lines must call this method: in another thread, a line could get lost.
        """
        lines, self._lines = self._lines, []
        lost, self._lost = self._lost, 0
        if lost:
            fields = {
                "ts": _at(time()),
                "logger": "access",
                "message": f"dropped the log lines of {lost} requests, because standard output is too slow",
            }
            lines.append(orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE))
        return b"".join(lines)


def line(entry: Entry) -> bytes:
    """Return the access log's line for a request, as JSON with a newline."""
    fields = {
        "ts": _at(entry.time),
        "logger": "access",
        # On a socket for IPv4 and IPv6, the system reports an IPv4 client as an IPv6 address: remove that prefix.
        "client": entry.client.removeprefix("::ffff:"),
        "method": entry.method,
        "path": printable(entry.path[:MAX_PATH]),
        "protocol": entry.protocol,
        "code": entry.code,
        "seconds": round(entry.seconds, 6),
        "received": entry.received,
        "sent": entry.sent,
    }
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


def to_standard_output(lines: bytes) -> None:
    """Write all lines to standard output, in several writes if a pipe accepts only a part at a time."""
    remaining = memoryview(lines)
    while remaining:
        remaining = remaining[os.write(1, remaining) :]


def _at(seconds: float) -> str:
    second = int(seconds)
    return f"{_second(second)}.{int((seconds - second) * 1000):03}+00:00"


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
