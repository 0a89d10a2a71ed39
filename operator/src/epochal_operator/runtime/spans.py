"""Positions of values in JSON text, found in linear time without parsing or recursion."""

import functools
import json
import re
from collections.abc import Iterator
from typing import NamedTuple

_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_FLAT = rb'(?:[^"\[\]{}]++|' + _TEXT + rb")*+"


@functools.cache
def _shallow(levels: int) -> re.Pattern[bytes]:
    """Return a possessive pattern, with linear matching time, for a list or object with at most this nesting."""
    inside = _FLAT
    for _ in range(levels - 1):
        inside = _FLAT + rb"(?:[\[{]" + inside + rb"[\]}]" + _FLAT + rb")*+"
    return re.compile(rb"[\[{]" + inside + rb"[\]}]")


_PLAIN = re.compile(_TEXT + rb'|[^"\[\]{},:\s]++')
_TOKEN = re.compile(_TEXT + rb"|[\[\]{}]")
_NEXT = re.compile(rb"[\s,:]*+")
_OPENING, _CLOSING = frozenset({b"[", b"{"}), frozenset({b"]", b"}"})
_OUTER = 3
"""Outer levels whose spans are cached: the object, its fields such as the spec, and the fields of these."""


class Span(NamedTuple):
    """Position and nesting of a value.

    Args:
        start: Position of its first byte.
        end: Position after its last byte.
        depth: Nesting of its lists and objects if too deep, else 1; 0 for a text, number, boolean or null.
    """

    start: int
    end: int
    depth: int

    @property
    def size(self) -> int:
        """Size of the value in bytes."""
        return self.end - self.start


class Nesting:
    """A limit for the nesting of lists and objects.

    Args:
        levels: Maximum number of nested levels.
    """

    def __init__(self, levels: int) -> None:
        self.levels = levels
        self._shallow = _shallow(levels)

    def end(self, data: bytes, start: int = 0) -> int | None:
        """Return the end of the list or object that starts at a position; None if it is too deep, or if there is none.

        Args:
            data: The JSON text. The scan takes about as long as reading the text.
            start: Start position of the list or object.
        """
        found = self._shallow.match(data, start)
        return found.end() if found else None


class Text:
    """A JSON text that locates values without parsing them. It must be valid JSON, as from the API server.

    Args:
        data: The JSON text.
        nesting: The nesting limit. The depth of deeper values is measured.
    """

    def __init__(self, data: bytes, nesting: Nesting) -> None:
        self.data = data
        self._nesting = nesting
        self._known: dict[int, Span] = {}

    def is_object(self, start: int) -> bool:
        """Return whether an object starts at this position."""
        return self.data[start : start + 1] == b"{"

    def skip(self, position: int) -> int:
        """Return the position of the next value, or of the end of its list or object."""
        found = _NEXT.match(self.data, position)
        return found.end() if found else position

    def fields(self, start: int) -> Iterator[tuple[str, int]]:
        """Yield the field names of the object that starts at a position, and the positions of their values."""
        position = self.skip(start + 1)
        while self.data[position : position + 1] != b"}":
            name = self.span(position)
            value = self.skip(name.end)
            yield str(json.loads(self.data[position : name.end])), value
            position = self.skip(self.span(value).end)

    def elements(self, start: int) -> Iterator[int]:
        """Yield the positions of the elements of the list that starts at a position; nothing if there is no list."""
        if self.data[start : start + 1] != b"[":
            return
        position = self.skip(start + 1)
        while self.data[position : position + 1] != b"]":
            yield position
            position = self.skip(self.span(position).end)
        self._known[start] = Span(start, position + 1, 1)

    def is_too_deep(self, span: Span) -> bool:
        """Return whether a value exceeds the nesting limit."""
        return span.depth > self._nesting.levels

    def span(self, start: int) -> Span:
        """Return the span of the value that starts at a position."""
        if known := self._known.get(start):
            return known
        found = self._found(start)
        if found.depth:  # others are quick to find, and may be very many
            self._known[start] = found
        return found

    def _found(self, start: int) -> Span:
        if found := _PLAIN.match(self.data, start):
            return Span(start, found.end(), 0)
        if (end := self._nesting.end(self.data, start)) is not None:
            return Span(start, end, 1)
        if self.data[start : start + 1] in _OPENING and (deep := self._deep(start)):
            return deep
        raise ValueError("must be JSON, found a text that ends within a value, or begins with none")

    def _deep(self, start: int) -> Span | None:
        """Return the span of a value beyond the nesting limit, and cache the spans of its outer values."""
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
                    self._known[begun] = Span(begun, token.end(), most - depth + 1)
                    deepest[depth - 1] = max(deepest[depth - 1], most)
                depth -= 1
                if depth == 0:
                    return self._known[start]
        return None
