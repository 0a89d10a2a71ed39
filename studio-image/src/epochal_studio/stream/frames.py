"""Encodes server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html.

Each row of a run is encoded once for all browsers with the same token. The JSON has no line feed, so each event has one
`data` line.
"""

import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from epochal_studio.wire.common import RunKey
from epochal_studio.wire.runs import ConnectionState

PIECE = 64 * 1024
"""Minimum bytes of each piece of a long event. For a slow browser, Studio keeps only one piece in memory."""
RETRY = b"retry: 2000\n\n"
"""Event that sets the browser's delay before it connects again to 2,000 ms."""


class RowKey(NamedTuple):
    """Kind, namespace and name of a row's object, like RunKey, but faster to hash and compare."""

    kind: str
    namespace: str
    name: str


def runs_frame(
    changed: Iterable[bytes], removed: Iterable[RowKey] = (), *, is_first: bool = False, is_complete: bool = False
) -> Iterator[bytes]:
    """Yield the bytes of an event `runs` with a RunsUpdate, in pieces.

    Args:
        changed: New and changed rows, each the JSON of a RunSummary.
        removed: Keys of the deleted runs.
        is_first: Whether this event is the first part of a complete list.
        is_complete: Whether this event is the last part of a complete list.
    """
    head = {"isFirst": is_first, "isComplete": is_complete}
    yield from _pieces(_runs_event(changed, removed, json.dumps(head).encode()[1:-1]))


def connection_frame(state: ConnectionState) -> bytes:
    """Return the bytes of an event `connection` with a ConnectionState."""
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
