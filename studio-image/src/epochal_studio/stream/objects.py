"""Parses lists and watch events of the API server with limits: of a large object, only small fields are parsed.

Users choose the content of objects. A mebibyte of `[],[],` in the arguments of a layer would become 28 MiB of Python
objects in a tenth of a second.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from epochal_lib.json_spans import JsonText
from pydantic_core import from_json

MAX_OBJECT = 256 * 1024
"""Maximum bytes of an object that is parsed as a whole. The large fields of a larger object are left out."""
OMITTED = "omitted"
"""Field that is added to an object above MAX_OBJECT, whose large fields are left out. Its value is the size in bytes.
No API of Kubernetes has this field."""
_MAX_LEVELS = 100
_MAX_STATUS = 64 * 1024
_MAX_FIELD = 4 * 1024
"""Maximum bytes of each field in metadata and spec that is kept of an object above MAX_OBJECT."""

Object = dict[str, Any]


def read_event(line: bytes) -> Any:
    """Parse a line of a watch, and return the watch event. A large object has only its small fields, and OMITTED.

    Raises:
        ValueError: If the line is no valid JSON.
    """
    if len(line) <= MAX_OBJECT:
        with suppress(RecursionError):
            return json.loads(line)
    text = JsonText(line, _MAX_LEVELS)
    return {name: _object(text, at) if name == "object" else text.value(at) for name, at in text.fields(text.skip(0))}


class Page:
    """A page of a list. The objects of a large page are parsed in batches, and a small page as a whole.

    Args:
        content: The JSON of the page.

    Attributes:
        metadata: Metadata of the list. It is complete after the last batch.
    """

    def __init__(self, content: bytes) -> None:
        self._text = JsonText(content, _MAX_LEVELS)
        self._size = 0
        self._objects = self._read()
        self.metadata: Object = {}

    def batch(self) -> list[Object]:
        """Return the next objects, at most about twice MAX_OBJECT bytes of JSON; an empty list at the end.

        Raises:
            ValueError: If the page is no JSON object.
        """
        found: list[Object] = []
        self._size = 0
        while self._size < MAX_OBJECT and (each := next(self._objects, None)) is not None:
            found.append(each)
        return found

    def _read(self) -> Iterator[Object]:
        whole = self._parse_small()
        if whole is None:
            yield from self._read_parts()
            return
        found = whole.get("metadata")
        self.metadata = found if isinstance(found, dict) else {}
        if isinstance(items := whole.get("items"), list):
            yield from map(dict, items)

    def _parse_small(self) -> Object | None:
        """Parse a small page as a whole; None for a large page, or if it is no JSON object."""
        if len(self._text.data) <= MAX_OBJECT:
            with suppress(ValueError):
                found = from_json(self._text.data)
                return found if isinstance(found, dict) else None
        return None

    def _read_parts(self) -> Iterator[Object]:
        text, start = self._text, self._text.skip(0)
        if not text.is_object(start):
            raise ValueError("must be a JSON object")
        for name, at in text.fields(start):
            if name == "items":
                for element in text.elements(at):
                    self._size += text.span(element).size
                    yield _object(text, element)
            elif name == "metadata":
                self.metadata = _small_fields(text, at, MAX_OBJECT)


def _object(text: JsonText, start: int) -> Object:
    span = text.span(start)
    if span.size <= MAX_OBJECT and not text.is_too_deep(span):
        return dict(text.value(start))
    found: Object = {OMITTED: span.size}
    for name, at in text.fields(start):
        if name in {"metadata", "spec"}:
            found[name] = _small_fields(text, at, _MAX_FIELD)
        elif _is_small(text, at, _MAX_STATUS):
            found[name] = text.value(at)
    return found


def _small_fields(text: JsonText, start: int, limit: int) -> Object:
    return {name: text.value(at) for name, at in text.fields(start) if _is_small(text, at, limit)}


def _is_small(text: JsonText, start: int, limit: int) -> bool:
    span = text.span(start)
    return span.size <= limit and not text.is_too_deep(span)
