r"""The text of a ledger: a JSON line for each event, compressed by gzip, in base64.

kubectl get experimentledger NAME -o jsonpath='{.data}' | base64 -d | gunzip
"""

import base64
import binascii
import gzip
import json
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple, get_type_hints

from epochal_api.experiment.ledger import MAX_DATA
from epochal_api.experiment.spec import MAX_PARAMETERS, MAX_TRIALS

from epochal_operator.experiment.ledger.events import (
    MAX_EVENTS,
    MAX_NUMBER,
    MAX_STRING,
    CheckpointsUnneeded,
    Created,
    Diverged,
    Event,
    Failed,
    Finished,
    NoUntriedParameters,
    Owner,
    Started,
    UnknownEvent,
    WarmStartTrial,
)

MAX_LEDGER_BYTES = MAX_DATA
"""Maximum bytes of a ledger as base64 text. Events that would exceed it are not stored: `LedgerFull`."""
_MAX_PACKED_BYTES = MAX_LEDGER_BYTES * 3 // 4
"""Maximum bytes of a compressed ledger before base64."""
MAX_DECOMPRESSED_BYTES = 4 * 1024**2
"""Maximum bytes of the decompressed lines of a ledger: 4 KiB for each of 1,000 trials. Above it: `LedgerFull`."""
EVENT_BYTES = 128
"""Estimated bytes of an event object in memory, without its strings."""
MAX_LINE = 128 * 1024
"""Maximum characters of a line; a longer line becomes an UnknownEvent. The parameters of a trial fit, even if each
character needs an escape of twelve characters.
"""
_SURROGATE = re.compile("[\ud800-\udfff]")
"""A lone surrogate: half of a UTF-16 character. JSON text can contain it, but a status cannot."""
_GZIP = 16 + zlib.MAX_WBITS
_LEVEL = 9
_TYPES: Mapping[str, type[Any]] = {
    "Owner": Owner,
    "Created": Created,
    "Started": Started,
    "Finished": Finished,
    "Diverged": Diverged,
    "Failed": Failed,
    "Dropped": CheckpointsUnneeded,
    "Warm": WarmStartTrial,
    "Exhausted": NoUntriedParameters,
}
"""The types of events by their names in stored ledgers. These names must never change."""
_NAMES = {kind: name for name, kind in _TYPES.items()}
_FIELDS: Mapping[str, Mapping[str, Any]] = {name: get_type_hints(kind) for name, kind in _TYPES.items()}

_Uids = dict[tuple[Any, Any], str]
"""The uid of the TrainingJob of each trial and rung, from the events so far. A line refers to a uid by its rung,
because a uid is the longest part of a line."""


class Sizes(NamedTuple):
    """The sizes of a ledger in bytes.

    Args:
        used: The largest used share of the limits MAX_LEDGER_BYTES, MAX_DECOMPRESSED_BYTES and MAX_EVENTS, multiplied
            by MAX_LEDGER_BYTES. Similar lines compress well and reach MAX_DECOMPRESSED_BYTES first.
        decompressed: Bytes of the decompressed lines and of the event objects in memory.
    """

    used: int = 0
    decompressed: int = 0


NO_SIZES = Sizes()
"""The sizes of an empty ledger."""


class LedgerFull(Exception):
    """A ledger with the new events would exceed MAX_LEDGER_BYTES, MAX_DECOMPRESSED_BYTES or MAX_EVENTS."""


class InvalidLedger(ValueError):
    """A text is not a ledger or exceeds a limit, or an event has an invalid field."""


def encode(events: Sequence[Event], ledger: str = "", ledger_events: Sequence[Event] = ()) -> str:
    """Return the text of a ledger after events are appended.

    The function stops at the first line that exceeds a limit, so its time and memory are bounded for any events.

    Args:
        events: The events to append.
        ledger: The text of the ledger before; its lines stay unchanged.
        ledger_events: The decoded events of `ledger`.

    Raises:
        InvalidLedger: If an event has an invalid field, so that the ledger could not be read again.
        LedgerFull: If the new ledger would exceed a limit.
    """
    uids: _Uids = {(event.trial, event.rung): event.uid for event in ledger_events if isinstance(event, Started)}
    packer, packed, size, count = zlib.compressobj(_LEVEL, wbits=_GZIP), bytearray(), 0, 0
    for line in chain(_lines(ledger), (_line(event, uids) for event in events)):
        content = f"{line}\n".encode()
        packed += packer.compress(content)
        size, count = size + len(content), count + 1
        if size > MAX_DECOMPRESSED_BYTES or count > MAX_EVENTS or len(packed) > _MAX_PACKED_BYTES:
            raise LedgerFull
    packed += packer.flush()
    if len(packed) > _MAX_PACKED_BYTES:
        raise LedgerFull
    return base64.b64encode(packed).decode() if count else ""


def decode(text: str) -> tuple[Event, ...]:
    """Return the events in the text of a ledger, in linear time.

    Raises:
        InvalidLedger: If the text is damaged, exceeds a limit, or has too many trials.
    """
    if len(text) > MAX_LEDGER_BYTES:
        raise InvalidLedger(f"the ledger must have at most {MAX_LEDGER_BYTES} bytes, found {len(text)}")
    uids: _Uids = {}
    events = tuple(_event(line, uids) for line in _lines(text))
    if sum(isinstance(event, Created) for event in events) > MAX_TRIALS:
        raise InvalidLedger(f"the ledger must have at most {MAX_TRIALS} trials")
    return events


def sizes(text: str) -> Sizes:
    """Return the sizes of a ledger with a valid text."""
    content = gzip.decompress(base64.b64decode(text)) if text else b""
    lines = content.count(b"\n")
    share = max(len(content) / MAX_DECOMPRESSED_BYTES, lines / MAX_EVENTS)
    return Sizes(max(len(text), math.ceil(share * MAX_LEDGER_BYTES)), len(content) + EVENT_BYTES * lines)


def _line(event: Event, uids: _Uids) -> str:
    """Return the line of an event: a JSON list of its type and its fields.

    A uid equal to the uid of the rung's Started event is written as null.
    """
    if isinstance(event, UnknownEvent):
        return event.line
    fields, name = vars(event), _NAMES[type(event)]
    if not all(_is_valid(fields[field], kind) for field, kind in _FIELDS[name].items()):
        raise InvalidLedger(f"an event must be a {name} with valid fields, found {event!s:.200}")
    if isinstance(event, Finished | Diverged | Failed) and event.uid == uids.get((event.trial, event.rung)):
        fields = fields | {"uid": None}
    if isinstance(event, Started):
        uids[event.trial, event.rung] = event.uid
    values = [*fields.values()]
    if isinstance(event, Finished) and event.value_epoch is None:
        values.pop()
    return json.dumps([name, *values], separators=(",", ":"))


def _lines(text: str) -> list[str]:
    text = "".join(text.split())
    if not text:
        return []
    reader = zlib.decompressobj(_GZIP)
    try:
        content = reader.decompress(base64.b64decode(text, validate=True), MAX_DECOMPRESSED_BYTES + 1)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise InvalidLedger(f"the ledger must be base64 of gzip: {error}") from None
    *lines, rest = content.split(b"\n", MAX_EVENTS)
    if rest or len(content) > MAX_DECOMPRESSED_BYTES or reader.unused_data or not reader.eof:
        limits = f"at most {MAX_DECOMPRESSED_BYTES} bytes and {MAX_EVENTS} lines"
        raise InvalidLedger(f"the decompressed ledger must be complete, with {limits}")
    return [line.decode(errors="replace") for line in lines]


def _event(line: str, uids: _Uids) -> Event:
    """Return the event in a line of a ledger, or an UnknownEvent if this version of Epochal cannot read the line."""
    try:
        content = json.loads(line if len(line) <= MAX_LINE else "")
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, list) or not content or not isinstance(content[0], str):
        return UnknownEvent(line)
    name, *values = content
    if name not in _TYPES:
        return UnknownEvent(line)
    fields = dict(zip(_FIELDS[name], values, strict=False))
    if fields.get("uid", "") is None:
        rung_key = (fields.get("trial"), fields.get("rung"))
        fields["uid"] = uids.get(rung_key, "") if all(isinstance(number, int) for number in rung_key) else ""
    if not all(_is_valid(fields.get(field), kind) for field, kind in _FIELDS[name].items()):
        return UnknownEvent(line)
    event: Event = _TYPES[name](**fields)
    if isinstance(event, Started):
        uids[event.trial, event.rung] = event.uid
    return event


def _is_valid(value: object, kind: Any) -> bool:
    if kind == int | None and value is None:
        return True
    if kind in (int, int | None):
        return type(value) is int and 0 <= value <= MAX_NUMBER
    if kind == Mapping[str, str]:
        return (
            isinstance(value, dict)
            and len(value) <= MAX_PARAMETERS
            and all(_is_text(name) and _is_text(text) for name, text in value.items())
        )
    return isinstance(value, kind) and (not isinstance(value, str) or _is_text(value))


def _is_text(value: object) -> bool:
    """Return whether a value is a string of at most MAX_STRING characters without lone surrogates."""
    return isinstance(value, str) and len(value) <= MAX_STRING and _SURROGATE.search(value) is None
