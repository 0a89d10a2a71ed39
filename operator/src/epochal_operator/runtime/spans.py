"""Where values stand in JSON: found in time that grows with the text, without expanding any or recursing into them."""

import functools
import json
import re
from collections.abc import Iterator
from typing import NamedTuple

_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_FLAT = rb'(?:[^"\[\]{}]++|' + _TEXT + rb")*+"


@functools.cache
def _shallow(levels: int) -> re.Pattern[bytes]:
    """Returns the pattern of a list or object of so many levels at most; possessive, so it takes linear time."""
    inside = _FLAT
    for _ in range(levels - 1):
        inside = _FLAT + rb"(?:[\[{]" + inside + rb"[\]}]" + _FLAT + rb")*+"
    return re.compile(rb"[\[{]" + inside + rb"[\]}]")


_PLAIN = re.compile(_TEXT + rb'|[^"\[\]{},:\s]++')
_TOKEN = re.compile(_TEXT + rb"|[\[\]{}]")
_NEXT = re.compile(rb"[\s,:]*+")
_OPENING, _CLOSING = frozenset({b"[", b"{"}), frozenset({b"]", b"}"})
_OUTER = 3
"""Levels of an object that are looked into: its own, the spec's, and that of the spec's fields."""


class Span(NamedTuple):
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
    def size(self) -> int:
        """Its bytes."""
        return self.end - self.start


class Nesting:
    """How many lists and objects may be within each other.

    Args:
        levels: Their number.
    """

    def __init__(self, levels: int) -> None:
        self.levels = levels
        self._shallow = _shallow(levels)

    def end(self, data: bytes, start: int = 0) -> int | None:
        """Returns where a list or object ends that begins there; None if it has more levels, or there is none.

        Args:
            data: The text. That takes about as long as reading it.
            start: Where it begins.
        """
        found = self._shallow.match(data, start)
        return found.end() if found else None


class Text:
    """A JSON text, of which values are found without expanding them. The API server writes no other than valid ones.

    Args:
        data: The text.
        nesting: How deep values may be: of one that is deeper is told how deep.
    """

    def __init__(self, data: bytes, nesting: Nesting) -> None:
        self.data = data
        self._nesting = nesting
        self._known: dict[int, Span] = {}

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
        self._known[start] = Span(start, position + 1, 1)

    def is_too_deep(self, span: Span) -> bool:
        """Returns whether a value is deeper than it may be."""
        return span.depth > self._nesting.levels

    def span(self, start: int) -> Span:
        """Returns where a value ends that begins there."""
        if known := self._known.get(start):
            return known
        found = self._found(start)
        if found.depth:  # the others are found again soon, and there may be very many
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
                    self._known[begun] = Span(begun, token.end(), most - depth + 1)
                    deepest[depth - 1] = max(deepest[depth - 1], most)
                depth -= 1
                if depth == 0:
                    return self._known[start]
        return None
