"""Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html.

The rows of runs are encoded once, for all browsers of a token. JSON has no line feed, so an event is one line of data.
"""

import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from epochal_studio.wire import ConnectionState, RunKey

PIECE = 64 * 1024
"""Bytes that are written at once, so that a slow browser makes Studio keep no more than that of a long frame."""
RETRY = b"retry: 2000\n\n"
"""Milliseconds after which a browser connects again."""


class RowKey(NamedTuple):
    """The identity of a row, as RunKey, but cheap to compare."""

    kind: str
    namespace: str
    name: str


def runs_frame(
    changed: Iterable[bytes], removed: Iterable[RowKey] = (), *, is_first: bool = False, is_complete: bool = False
) -> Iterator[bytes]:
    """Yield the pieces of the event `runs` with a RunsUpdate.

    Args:
        changed: The rows, each the JSON of a RunSummary.
        removed: The runs that are gone.
        is_first: Whether a complete list begins.
        is_complete: Whether it ends.
    """
    head = {"isFirst": is_first, "isComplete": is_complete}
    yield from _pieces(_runs_event(changed, removed, json.dumps(head).encode()[1:-1]))


def connection_frame(state: ConnectionState) -> bytes:
    """Return the event `connection`."""
    return b"event: connection\ndata: " + state.model_dump_json().encode() + b"\n\n"


def _runs_event(changed: Iterable[bytes], removed: Iterable[RowKey], head: bytes) -> Iterator[bytes]:
    yield b"event: runs\ndata: {" + head + b',"changed":['
    yield from _separated(changed)
    yield b'],"removed":['
    yield from _separated(RunKey.model_validate(key._asdict()).model_dump_json().encode() for key in removed)
    yield b"]}\n\n"


def _separated(items: Iterable[bytes]) -> Iterator[bytes]:
    for number, item in enumerate(items):
        yield b"," + item if number else item


def _pieces(parts: Iterable[bytes]) -> Iterator[bytes]:
    kept: list[bytes] = []
    size = 0
    for part in parts:
        kept.append(part)
        size += len(part)
        if size >= PIECE:
            yield b"".join(kept)
            kept, size = [], 0
    if kept:
        yield b"".join(kept)
