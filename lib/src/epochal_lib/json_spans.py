"""Positions of values in JSON text, found in linear time without recursion; only requested values are parsed."""

import functools
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_FLAT = rb'[^"\[\]{}]*+(?:' + _TEXT + rb'[^"\[\]{}]*+)*+'


@functools.cache
def shallow(levels: int) -> re.Pattern[bytes]:
    """Return a pattern for a list or object of at most `levels` levels. It is possessive, so its time is linear."""
    inside = _FLAT
    for _ in range(levels - 1):
        inside = _FLAT + rb"(?:[\[{]" + inside + rb"[\]}]" + _FLAT + rb")*+"
    return re.compile(rb"[\[{]" + inside + rb"[\]}]")


_PLAIN = re.compile(_TEXT + rb'|[^"\[\]{},:\s]++')
_TOKEN = re.compile(_TEXT + rb"|[\[\]{}]")
_SEPARATORS = re.compile(rb"[\s,:]*+")
_OPENING, _CLOSING = frozenset({b"[", b"{"}), frozenset({b"]", b"}"})
_CACHED_LEVELS = 3
"""Number of outer levels whose spans are cached: the object, its fields such as spec, and the fields of those."""


class Span(NamedTuple):
    """Position of a value in a JSON text, and whether its nesting is too deep.

    Args:
        start: Position of the value's first byte.
        end: Position after the value's last byte.
        depth: Levels of lists and objects if the value or one around it is too deep, else 1 for a list or an object. 0
            for a text, number, boolean or null.
    """

    start: int
    end: int
    depth: int

    @property
    def size(self) -> int:
        """Size of the value in bytes."""
        return self.end - self.start


class JsonText:
    """A JSON text whose values are located without parsing. It must be valid JSON, as from the API server.

    Args:
        data: The JSON text.
        levels: Maximum nesting of lists and objects. `Span.depth` has the measured depth of a deeper value.
    """

    def __init__(self, data: bytes, levels: int) -> None:
        self.data = data
        self._levels = levels
        self._spans: dict[int, Span] = {}

    def is_object(self, start: int) -> bool:
        """Return whether an object starts at `start`."""
        return self.data[start : start + 1] == b"{"

    def skip(self, position: int) -> int:
        """Return the next position from `position` on where a value starts, or the list or object around it ends."""
        found = _SEPARATORS.match(self.data, position)
        return found.end() if found else position

    def fields(self, start: int) -> Iterator[tuple[str, int]]:
        """Yield the names, and the positions of the values, of the object at `start`; nothing without an object."""
        if not self.is_object(start):
            return
        position = self.skip(start + 1)
        while self.data[position : position + 1] != b"}":
            name = self.span(position)
            value = self.skip(name.end)
            yield str(json.loads(self.data[position : name.end])), value
            position = self.skip(self.span(value).end)

    def elements(self, start: int) -> Iterator[int]:
        """Yield the positions of the elements of the list at `start`; nothing without a list."""
        if self.data[start : start + 1] != b"[":
            return
        position = self.skip(start + 1)
        while self.data[position : position + 1] != b"]":
            yield position
            position = self.skip(self.span(position).end)
        # The caller reads each element, and never the whole list, so the depth of the list does not matter.
        self._spans[start] = Span(start, position + 1, 1)

    def value(self, start: int) -> Any:
        """Return the parsed value that starts at `start`.

        Raises:
            ValueError: If the value has more levels than the limit.
        """
        span = self.span(start)
        if self.is_too_deep(span):
            raise ValueError(f"must be nested at most {self._levels} levels deep, found {span.depth}")
        return json.loads(self.data[span.start : span.end])

    def is_too_deep(self, span: Span) -> bool:
        """Return whether a value has more levels of lists and objects than the limit."""
        return span.depth > self._levels

    def span(self, start: int) -> Span:
        """Return the span of the value that starts at `start`."""
        if cached := self._spans.get(start):
            return cached
        if found := _PLAIN.match(self.data, start):
            return Span(start, found.end(), 0)  # not cached: quick to find, and there may be very many
        if found := shallow(self._levels).match(self.data, start):
            self._spans[start] = Span(start, found.end(), 1)
        elif self.data[start : start + 1] not in _OPENING or not self._measure(start):
            raise ValueError("must be JSON, found a text that is cut off within a value, or that starts with no value")
        return self._spans[start]

    def _measure(self, position: int) -> bool:
        """Cache the spans of the too deep value at a position, and of its outer _CACHED_LEVELS levels.

        Return False if the text ends within the value.
        """
        depth, starts = 0, list[int]()
        deepest = [0] * (_CACHED_LEVELS + 1)
        for token in _TOKEN.finditer(self.data, position):
            if (text := token[0]) in _OPENING:
                depth += 1
                if depth <= _CACHED_LEVELS:
                    starts.append(token.start())
                    deepest[depth] = depth
                elif depth > deepest[_CACHED_LEVELS]:
                    deepest[_CACHED_LEVELS] = depth
            elif text in _CLOSING:
                if depth <= _CACHED_LEVELS:
                    start, most = starts.pop(), deepest[depth]
                    self._spans[start] = Span(start, token.end(), most - depth + 1)
                    deepest[depth - 1] = max(deepest[depth - 1], most)
                depth -= 1
                if depth == 0:
                    return True
        return False
