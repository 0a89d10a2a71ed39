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
    whole = _span(data, _skip(data, 0))
    fields = dict(_fields(data, whole.start)) if data[whole.start : whole.start + 1] == b"{" else {}
    if "items" in fields:
        metadata = _metadata(data, fields["metadata"]) if "metadata" in fields else {}
        items = [_object(data, span) for span in _elements(data, fields["items"])]
        return _plain_fields(data, whole) | {"metadata": metadata, "items": items}
    if "object" in fields:
        return _plain_fields(data, whole) | {"object": _object(data, fields["object"])}
    if "metadata" in fields:
        return _object(data, whole)
    if whole.too_deep:
        raise ValueError(f"must be an answer of the API server, found something of {whole.depth} levels")
    return json.loads(data)  # What there is of APIs: nobody's object.


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


def _object(data: bytes, span: _Span) -> Object:
    """Reads an object of the API."""
    if span.end - span.start <= MAX_SPEC_BYTES and not span.too_deep:
        return dict(json.loads(data[span.start : span.end]))
    result: Object = {}
    faults: list[str] = []
    for name, part in _fields(data, span.start):
        if name == "metadata":
            result[name] = _metadata(data, part)
        elif fault := _fault(name, data, part):
            faults.append(fault)
            result[name] = _plain_fields(data, part)
        else:
            result[name] = _value(data, part)
    return result | ({UNREAD: "\n".join(faults)} if faults else {})


def _fault(name: str, data: bytes, span: _Span) -> str | None:
    """Returns how a part of an object breaks the bounds, if it does."""
    if span.too_deep:
        where = _deepest(name, data, span)
        return f"{where}: must be nested at most {MAX_SPEC_DEPTH} levels deep within {name}, found {span.depth}"
    size = _size(data[span.start : span.end])
    if size > MAX_SPEC_BYTES:
        advice = ": use fewer layers" if name == "spec" else ""
        return f"{name}: must fit in {MAX_SPEC_BYTES} bytes as JSON, found {size}{advice}"
    return None


def _deepest(name: str, data: bytes, span: _Span) -> str:
    """Returns the field that makes a part of an object as deep as it is."""
    if data[span.start : span.start + 1] != b"{":
        return name
    return max(((part.depth, f"{name}.{field}") for field, part in _fields(data, span.start)), default=(0, name))[1]


def _size(text: bytes) -> int:
    return len(text) - sum(text.count(escape) * (len(escape) - 1) for escape in _LONGER)


def _metadata(data: bytes, span: _Span) -> Object:
    """Reads what is of use of an object's metadata: managedFields are as deep as the spec, and seldom."""
    fields = {name: part for name, part in _fields(data, span.start) if name in _METADATA and not part.too_deep}
    result: Object = {}
    for name, part in fields.items():
        value = _value(data, part)
        if part.end - part.start > MAX_METADATA_BYTES:
            if not isinstance(value, dict):
                continue
            value = {key: text for key, text in value.items() if key.startswith(f"{GROUP}/")}
        result[name] = value
    return result


def _plain_fields(data: bytes, span: _Span) -> Object:
    """Reads the fields of an object that are numbers, words and short texts."""
    if data[span.start : span.start + 1] != b"{":
        return {}
    fields = _fields(data, span.start)
    return {
        name: _value(data, part)
        for name, part in fields
        if part.depth == 0 and part.end - part.start <= MAX_METADATA_BYTES
    }


def _value(data: bytes, span: _Span) -> Any:
    return json.loads(data[span.start : span.end])


def _fields(data: bytes, start: int) -> Iterator[tuple[str, _Span]]:
    """Yields the names and values of an object that begins there."""
    position = _skip(data, start + 1)
    while data[position : position + 1] != b"}":
        name = _span(data, position)
        value = _span(data, _skip(data, name.end))
        yield str(_value(data, name)), value
        position = _skip(data, value.end)


def _elements(data: bytes, span: _Span) -> Iterator[_Span]:
    """Yields the elements of a list; none of a null."""
    if data[span.start : span.start + 1] != b"[":
        return
    position = _skip(data, span.start + 1)
    while data[position : position + 1] != b"]":
        element = _span(data, position)
        yield element
        position = _skip(data, element.end)


def _span(data: bytes, start: int) -> _Span:
    """Returns where a value ends that begins there."""
    if found := _PLAIN.match(data, start):
        return _Span(start, found.end(), 0)
    if found := _SHALLOW.match(data, start):
        return _Span(start, found.end(), 1)
    depth = deepest = 0
    for token in _TOKEN.finditer(data, start):
        if (text := token[0]) in {b"[", b"{"}:
            depth += 1
            deepest = max(deepest, depth)
        elif text in {b"]", b"}"}:
            depth -= 1
            if depth <= 0:
                return _Span(start, token.end(), deepest)
    raise ValueError("must be JSON, found a text that ends within a value, or begins with none")


def _skip(data: bytes, position: int) -> int:
    """Returns where the next value begins, or its list or object ends."""
    found = _NEXT.match(data, position)
    return found.end() if found else position
