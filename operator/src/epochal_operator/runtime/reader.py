"""Reads the API server's JSON within bounds: what is nested too deep or too long for a spec is never expanded.

Whoever may write an object decides what is in it, and neither a schema nor CEL bounds the depth of fields that a schema
does not know. A thousand lists within each other end a recursive reader; a mebibyte of `[],[],` becomes 28 of objects.
"""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from epochal_operator.runtime.metadata import FIELDS
from epochal_operator.runtime.spans import Nesting, Span, Text

Object = dict[str, Any]

UNREAD = "unread"
"""Field of an object whose spec was left out: says what must hold and what was found. No API has it."""

FOLDED = "folded"
"""Field of an object that holds all of it as a text. No API has it."""
FOLDED_BYTES = 16 * 1024
"""Size of a line of a watch from which on it is folded."""

MAX_METADATA_BYTES = 16 * 1024
"""Size of a field of the metadata, and of a text in a spec, that is kept of an object that is too large as a whole."""

_LONGER = (rb"\u003c", rb"\u003e", rb"\u0026")
"""What the API server writes in place of <, > and &."""

_METADATA = frozenset({*FIELDS, "labels", "annotations", "ownerReferences", "managedFields", "continue"})


@dataclass(frozen=True)
class Bounds:
    """What is read of an object, however much there is of it.

    Args:
        part_bytes: Bytes of JSON that its spec, or another part of it, may have.
        part_levels: Levels of lists and objects that such a part may have.
        conditions: Its conditions that are read of a status that is over the bounds: others write their own.
        domains: Of labels and annotations that are over the bounds those are read that begin like this.
    """

    part_bytes: int = 128 * 1024
    part_levels: int = 100
    conditions: frozenset[str] = frozenset()
    domains: tuple[str, ...] = ()


def widest(bounds: Iterable[Bounds]) -> Bounds:
    """Returns the bounds within which all objects can be read that are within one of some bounds."""
    given = list(bounds) or [Bounds()]
    return Bounds(
        part_bytes=max(one.part_bytes for one in given),
        part_levels=max(one.part_levels for one in given),
        conditions=frozenset().union(*(one.conditions for one in given)),
        domains=tuple(dict.fromkeys(domain for one in given for domain in one.domains)),
    )


class Reader:
    """Reads what the API server says.

    Args:
        bounds: What is read of an object.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._nesting = Nesting(bounds.part_levels)

    def read(self, data: bytes) -> Any:
        """Reads an answer of the API server: an object, a list of objects, or a line of a watch.

        Args:
            data: The JSON.

        Returns:
            The values. An object too deep or too large has the fields of its metadata that are of use, and only plain
            fields of its spec, if that is why: its field UNREAD says what must hold and what was found. Of a status
            that is why there is what Epochal itself writes.

        Raises:
            ValueError: If it is no JSON.
        """
        if self._within_bounds(data):
            return json.loads(data)
        text = Text(data, self._nesting)
        start = text.skip(0)
        if not text.is_object(start):
            _within_depth(text, text.span(start))
            return json.loads(data)
        fields: dict[str, int] = {}
        items: list[Object] | None = None
        for name, at in text.fields(start):
            if name == "items":  # One after the other: to find its end first would be to look at all of them twice.
                items = [self._object(text, element) for element in text.elements(at)]
            else:
                fields[name] = at
        if items is not None:
            metadata = self._metadata(text, fields["metadata"]) if "metadata" in fields else {}
            return _plain_fields(text, start) | {"metadata": metadata, "items": items}
        if "object" in fields:
            return _plain_fields(text, start) | {"object": self._object(text, fields["object"])}
        return self._object(text, start) if "metadata" in fields else _value(text, start)  # else what there is of APIs

    def folded(self, line: bytes) -> bytes:
        """Returns a line of a watch with what it tells of as a text, if that is large; see `unfolded`.

        Whoever reads the line may keep it for a while, and what was written in a second would be too much as values.
        """
        if len(line) <= FOLDED_BYTES and self._within_bounds(line):
            return line
        event = self.read(line)
        thing = event["object"]
        outline = {name: thing[name] for name in ("apiVersion", "kind") if name in thing}
        metadata = {name: text for name, text in thing.get("metadata", {}).items() if isinstance(text, str)}
        return json.dumps(event | {"object": outline | {"metadata": metadata, FOLDED: json.dumps(thing)}}).encode()

    def _within_bounds(self, data: bytes) -> bool:
        return len(data) <= self._bounds.part_bytes and self._nesting.end(data) is not None

    def _object(self, text: Text, start: int) -> Object:
        """Reads an object of the API."""
        span = text.span(start)
        if span.size <= self._bounds.part_bytes and not text.is_too_deep(span):
            return dict(_value(text, start))
        result: Object = {}
        faults: list[str] = []
        for name, at in text.fields(start):
            if name == "metadata":
                result[name] = self._metadata(text, at)
            elif fault := self._fault(name, text, at):
                if name == "status":  # Others write to it, too, so it is no fault of the spec.
                    result[name] = self._own_status(text, at)
                    continue
                faults.append(fault)
                result[name] = _plain_fields(text, at)
            else:
                result[name] = _value(text, at)
        return result | ({UNREAD: "\n".join(faults)} if faults else {})

    def _fault(self, name: str, text: Text, start: int) -> str | None:
        """Returns how a part of an object breaks the bounds, if it does."""
        span = text.span(start)
        if text.is_too_deep(span):
            where, levels = _deepest(name, text, start), self._bounds.part_levels
            return f"{where}: must be nested at most {levels} levels deep within {name}, found {span.depth}"
        size = _size(text.data[span.start : span.end])
        if size > self._bounds.part_bytes:
            advice = ": use fewer layers" if name == "spec" else ""
            return f"{name}: must fit in {self._bounds.part_bytes} bytes as JSON, found {size}{advice}"
        return None

    def _metadata(self, text: Text, start: int) -> Object:
        """Reads what is of use of an object's metadata: managedFields are as deep as the spec, and seldom."""
        result: Object = {}
        for name, at in text.fields(start):
            span = text.span(at)
            if name not in _METADATA or text.is_too_deep(span):
                continue
            if span.size <= MAX_METADATA_BYTES:
                result[name] = _value(text, at)
            elif text.is_object(at):
                ours = ((key, one) for key, one in text.fields(at) if key.startswith(self._bounds.domains))
                result[name] = {key: _value(text, one) for key, one in ours}
        return result

    def _own_status(self, text: Text, start: int) -> Object:
        """Reads what Epochal itself may have written of a status: short fields, and conditions of short messages."""
        result: Object = {}
        for name, at in text.fields(start) if text.is_object(start) else ():
            span = text.span(at)
            if name == "conditions":
                plain = (_plain_fields(text, element) for element in text.elements(at))
                result[name] = [one for one in plain if one.get("type") in self._bounds.conditions]
            elif span.size <= MAX_METADATA_BYTES and not text.is_too_deep(span):
                result[name] = _value(text, at)
        return result


def unfolded(thing: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the object that a line of a watch tells of."""
    return dict(json.loads(thing[FOLDED])) if FOLDED in thing else thing  # which is within bounds already


async def lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yields the lines of a watch, however long they are; empty ones are none.

    Args:
        chunks: The body of the answer.
    """
    rest = bytearray()
    async for chunk in chunks:
        *whole, last = chunk.split(b"\n")
        for part in whole:
            rest += part
            if rest:
                yield bytes(rest)
            rest.clear()
        rest += last
    if rest:
        yield bytes(rest)


def _deepest(name: str, text: Text, start: int) -> str:
    """Returns the field that makes a part of an object as deep as it is."""
    if not text.is_object(start):
        return name
    return max(((text.span(at).depth, f"{name}.{field}") for field, at in text.fields(start)), default=(0, name))[1]


def _size(text: bytes) -> int:
    return len(text) - sum(text.count(escape) * (len(escape) - 1) for escape in _LONGER)


def _plain_fields(text: Text, start: int) -> Object:
    """Reads the fields of an object that are numbers, words and short texts."""
    if not text.is_object(start):
        return {}
    spans = ((name, text.span(at)) for name, at in text.fields(start))
    return {
        name: _value(text, span.start) for name, span in spans if span.depth == 0 and span.size <= MAX_METADATA_BYTES
    }


def _value(text: Text, start: int) -> Any:
    span = text.span(start)
    _within_depth(text, span)
    return json.loads(text.data[span.start : span.end])


def _within_depth(text: Text, span: Span) -> None:
    if text.is_too_deep(span):
        raise ValueError(f"must be an answer of the API server, found something of {span.depth} levels")
