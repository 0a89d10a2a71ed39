"""Reads the API server's JSON within bounds: what is nested too deep or too long for a spec is never expanded.

Whoever may write an object decides what is in it, and neither a schema nor CEL bounds the depth of fields that a schema
does not know. A thousand lists within each other end a recursive reader; a mebibyte of `[],[],` becomes 28 of objects.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

from epochal_api.trainingjob import GROUP, MAX_SPEC_BYTES, MAX_SPEC_DEPTH

Object = dict[str, Any]

UNREAD = "unread"
"""Field of an object whose spec or status was left out: says what must hold and what was found. No API has it."""

MAX_METADATA_BYTES = 16 * 1024
"""Size of a field of the metadata, and of a text in a spec, that is kept of an object that is too large as a whole."""

_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_FLAT = rb'(?:[^"\[\]{}]++|' + _TEXT + rb")*+"


def _nested(levels: int) -> bytes:
    """Returns the pattern of a list or object of so many levels at most; possessive, so it takes linear time."""
    inside = _FLAT
    for _ in range(levels - 1):
        inside = _FLAT + rb"(?:[\[{]" + inside + rb"[\]}]" + _FLAT + rb")*+"
    return rb"[\[{]" + inside + rb"[\]}]"


_SHALLOW = re.compile(_nested(MAX_SPEC_DEPTH))
_PLAIN = re.compile(_TEXT + rb'|[^"\[\]{},:\s]++')
_TOKEN = re.compile(_TEXT + rb"|[\[\]{}]")
_NEXT = re.compile(rb"[\s,:]*+")
_OPENING, _CLOSING = frozenset({b"[", b"{"}), frozenset({b"]", b"}"})
_OUTER = 3
"""Levels of an object that are looked into: its own, the spec's, and that of the spec's fields."""
_LONGER = (rb"\u003c", rb"\u003e", rb"\u0026")
"""What the API server writes in place of <, > and &."""

_METADATA = frozenset(
    {
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "labels",
        "annotations",
        "ownerReferences",
        "managedFields",
        "continue",
    }
)


class _Span(NamedTuple):
    """Where a value stands, and how deep it is.

    Args:
        start: Where it begins.
        end: Where it ends.
        depth: Its levels of lists and objects if those are too many, else 1; 0 for a text, a number or a word.
    """

    start: int
    end: int
    depth: int

    @property
    def too_deep(self) -> bool:
        return self.depth > MAX_SPEC_DEPTH


def read(data: bytes) -> Any:
    """Reads an answer of the API server: an object, a list of objects, or a line of a watch.

    Args:
        data: The JSON.

    Returns:
        The values. An object too deep or too large for a TrainingJob has the fields of its metadata that are of use,
        and only plain fields of its spec, if that is why: its field UNREAD says what must hold and what was found.

    Raises:
        ValueError: If it is no JSON.
    """
    if _within_bounds(data):
        return json.loads(data)
    text = _Text(data)
    start = text.skip(0)
    if not text.is_object(start):
        _within_depth(text.span(start))
        return json.loads(data)
    fields: dict[str, int] = {}
    items: list[Object] | None = None
    for name, at in text.fields(start):
        if name == "items":  # One after the other: to find its end first would be to look at all of them twice.
            items = [_object(text, element) for element in text.elements(at)]
        else:
            fields[name] = at
    if items is not None:
        metadata = _metadata(text, fields["metadata"]) if "metadata" in fields else {}
        return _plain_fields(text, start) | {"metadata": metadata, "items": items}
    if "object" in fields:
        return _plain_fields(text, start) | {"object": _object(text, fields["object"])}
    return _object(text, start) if "metadata" in fields else _value(text, start)  # else what there is of APIs


def bounded(line: bytes) -> bytes:
    """Returns a line of a watch as it is, or as `read` reads it if what it tells of is out of bounds."""
    return line if _within_bounds(line) else json.dumps(read(line)).encode()


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


def _within_bounds(data: bytes) -> bool:
    # Cheap: a pass in C, about as long as it takes to read it.
    return len(data) <= MAX_SPEC_BYTES and _SHALLOW.match(data) is not None


class _Text:
    """A JSON text, of which values are found without expanding them. The API server writes no other than valid ones.

    Args:
        data: The text.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._known: dict[int, _Span] = {}

    def is_object(self, start: int) -> bool:
        """Returns whether an object begins there."""
        return self.data[start : start + 1] == b"{"

    def skip(self, position: int) -> int:
        """Returns where the next value begins, or its list or object ends."""
        found = _NEXT.match(self.data, position)
        return found.end() if found else position

    def fields(self, start: int) -> Iterator[tuple[str, int]]:
        """Yields the names of the object that begins there, and where their values begin."""
        position = self.skip(start + 1)
        while self.data[position : position + 1] != b"}":
            name = self.span(position)
            value = self.skip(name.end)
            yield str(json.loads(self.data[position : name.end])), value
            position = self.skip(self.span(value).end)

    def elements(self, start: int) -> Iterator[int]:
        """Yields where the elements of the list begin that begins there; none of a null."""
        if self.data[start : start + 1] != b"[":
            return
        position = self.skip(start + 1)
        while self.data[position : position + 1] != b"]":
            yield position
            position = self.skip(self.span(position).end)
        self._known[start] = _Span(start, position + 1, 1)

    def span(self, start: int) -> _Span:
        """Returns where a value ends that begins there."""
        if start not in self._known:
            self._known[start] = self._found(start)
        return self._known[start]

    def _found(self, start: int) -> _Span:
        if found := _PLAIN.match(self.data, start):
            return _Span(start, found.end(), 0)
        if found := _SHALLOW.match(self.data, start):
            return _Span(start, found.end(), 1)
        if self.data[start : start + 1] in _OPENING and (deep := self._deep(start)):
            return deep
        raise ValueError("must be JSON, found a text that ends within a value, or begins with none")

    def _deep(self, start: int) -> _Span | None:
        """Finds the end of what is too deep, token by token; and of what is just within it, not to do so again."""
        depth, outer = 0, list[int]()
        deepest = [0] * (_OUTER + 1)
        for token in _TOKEN.finditer(self.data, start):
            if (text := token[0]) in _OPENING:
                depth += 1
                if depth <= _OUTER:
                    outer.append(token.start())
                    deepest[depth] = depth
                elif depth > deepest[_OUTER]:
                    deepest[_OUTER] = depth
            elif text in _CLOSING:
                if depth <= _OUTER:
                    begun, most = outer.pop(), deepest[depth]
                    self._known[begun] = _Span(begun, token.end(), most - depth + 1)
                    deepest[depth - 1] = max(deepest[depth - 1], most)
                depth -= 1
                if depth == 0:
                    return self._known[start]
        return None


def _object(text: _Text, start: int) -> Object:
    """Reads an object of the API."""
    span = text.span(start)
    if span.end - span.start <= MAX_SPEC_BYTES and not span.too_deep:
        return dict(_value(text, start))
    result: Object = {}
    faults: list[str] = []
    for name, at in text.fields(start):
        if name == "metadata":
            result[name] = _metadata(text, at)
        elif fault := _fault(name, text, at):
            faults.append(fault)
            result[name] = _plain_fields(text, at)
        else:
            result[name] = _value(text, at)
    return result | ({UNREAD: "\n".join(faults)} if faults else {})


def _fault(name: str, text: _Text, start: int) -> str | None:
    """Returns how a part of an object breaks the bounds, if it does."""
    span = text.span(start)
    if span.too_deep:
        where = _deepest(name, text, start)
        return f"{where}: must be nested at most {MAX_SPEC_DEPTH} levels deep within {name}, found {span.depth}"
    size = _size(text.data[span.start : span.end])
    if size > MAX_SPEC_BYTES:
        advice = ": use fewer layers" if name == "spec" else ""
        return f"{name}: must fit in {MAX_SPEC_BYTES} bytes as JSON, found {size}{advice}"
    return None


def _deepest(name: str, text: _Text, start: int) -> str:
    """Returns the field that makes a part of an object as deep as it is."""
    if not text.is_object(start):
        return name
    return max(((text.span(at).depth, f"{name}.{field}") for field, at in text.fields(start)), default=(0, name))[1]


def _size(text: bytes) -> int:
    return len(text) - sum(text.count(escape) * (len(escape) - 1) for escape in _LONGER)


def _metadata(text: _Text, start: int) -> Object:
    """Reads what is of use of an object's metadata: managedFields are as deep as the spec, and seldom."""
    result: Object = {}
    for name, at in text.fields(start):
        span = text.span(at)
        if name not in _METADATA or span.too_deep:
            continue
        value = _value(text, at)
        if span.end - span.start > MAX_METADATA_BYTES:
            if not isinstance(value, dict):
                continue
            value = {key: one for key, one in value.items() if key.startswith(f"{GROUP}/")}
        result[name] = value
    return result


def _plain_fields(text: _Text, start: int) -> Object:
    """Reads the fields of an object that are numbers, words and short texts."""
    if not text.is_object(start):
        return {}
    spans = ((name, text.span(at)) for name, at in text.fields(start))
    return {
        name: _value(text, span.start)
        for name, span in spans
        if span.depth == 0 and span.end - span.start <= MAX_METADATA_BYTES
    }


def _value(text: _Text, start: int) -> Any:
    span = text.span(start)
    _within_depth(span)
    return json.loads(text.data[span.start : span.end])


def _within_depth(span: _Span) -> None:
    if span.too_deep:
        raise ValueError(f"must be an answer of the API server, found something of {span.depth} levels")
