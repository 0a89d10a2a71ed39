"""Parses a user's YAML or JSON text with one Kubernetes object, and checks its size and values."""

import math
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from epochal_api.catalogue.findings import field, item
from epochal_api.documents import Document, UnreadableFile, read_documents

from epochal_studio.wire.networks import MAX_YAML, DocumentProblem

MAX_CHARACTERS = 2 * MAX_YAML
"""Maximum characters of all strings in an object. An object with more is refused. A YAML alias (*name) may repeat a
long string thousands of times."""
_MAX_BITS = 64
"""Maximum bits of an integer in JSON of Kubernetes. A larger integer is refused."""


class UnreadableDocument(ValueError):
    """The text is not exactly one Kubernetes object with values that JSON can represent.

    Args:
        problem: The cause, with the line or the field.
    """

    def __init__(self, problem: DocumentProblem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def read_object(text: str) -> dict[str, Any]:
    """Parse a YAML or JSON text with exactly one object, and return the object.

    Raises:
        UnreadableDocument: If the text cannot be parsed, is empty, has several objects, or has values that JSON cannot
            represent or that are too large.
    """
    try:
        documents = list(islice(read_documents(text), 2))
    except UnreadableFile as error:
        raise _unreadable(f"The text cannot be read: {error}", line=error.line or 1) from None
    if not documents:
        raise _unreadable("The text is empty: expected a TrainingJob or an Experiment.", line=1)
    if len(documents) > 1:
        line = documents[1].places[""].line
        raise _unreadable(f"Line {line} begins another object: a text must have only one. Remove one.", line=line)
    return _checked(documents[0])


def _checked(document: Document) -> dict[str, Any]:
    if not isinstance(document.value, dict):
        found = type(document.value).__name__
        raise _unreadable(f"The text must have an object of Kubernetes, found {found}.", line=1)
    characters = 0
    for step, value in _values(document.value):
        if isinstance(value, str):
            characters += len(value)
        if fault := _fault(value):
            path = _path(step)
            raise _unreadable(f"{path}: {fault}", path=path, line=document.place(path).line)
        if characters > MAX_CHARACTERS:
            raise _unreadable(
                f"All texts in the object must have at most {MAX_CHARACTERS:,} characters: use fewer.", line=1
            )
    return document.value


class _Step(NamedTuple):
    """The position of a value in a document, as a linked list of keys and indexes.

    The path is built as text only for the first fault: the paths of all values may need a gigabyte.

    Args:
        outer: Position of the mapping or list that contains the value; None for the document itself.
        part: Key of the value in its mapping, or its index if `is_item`.
        is_item: Whether a list contains the value.
    """

    outer: "_Step | None"
    part: Any
    is_item: bool


def _path(step: _Step | None) -> str:
    steps = []
    while step is not None:
        steps.append(step)
        step = step.outer
    path = ""
    for inner in reversed(steps):
        path = item(path, inner.part) if inner.is_item else field(path, inner.part)
    return path


def _values(document: Mapping[Any, Any]) -> Iterator[tuple[_Step | None, Any]]:
    """Yield the position and value of each key, field and item at any depth. Values of YAML aliases are repeated."""
    waiting: list[tuple[_Step | None, Any]] = [(None, document)]
    while waiting:
        step, value = waiting.pop()
        yield step, value
        if isinstance(value, Mapping):
            for key, inner in value.items():
                inner_step = _Step(step, key, is_item=False)
                yield inner_step, key if isinstance(key, str) else _NotText(key)
                waiting.append((inner_step, inner))
        elif isinstance(value, list):
            waiting.extend((_Step(step, index, is_item=True), inner) for index, inner in enumerate(value))


class _NotText:
    """A key of a mapping that is not a string."""

    def __init__(self, key: Any) -> None:
        self.kind = type(key).__name__


def _fault(value: Any) -> str:
    """Return why a value is invalid in JSON of Kubernetes; "" for a valid value."""
    match value:
        case _NotText():
            return f"a key must be a text, found {value.kind}: write it in quotes"
        case str():
            return "" if not _has_surrogate(value) else "must be valid Unicode, found a single surrogate: remove it"
        case bool() | None | dict() | list():
            return ""
        case int():
            found = "" if value.bit_length() <= _MAX_BITS else "a larger one"
            return found and f"must be an integer of at most {_MAX_BITS} bits, found {found}"
        case float():
            return "" if math.isfinite(value) else "must be a finite number"
        case _:
            return f"must be a value of JSON, found {type(value).__name__}: write it in quotes"


def _has_surrogate(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)


def _unreadable(message: str, *, path: str = "", line: int | None = None) -> UnreadableDocument:
    return UnreadableDocument(DocumentProblem(path=path, message=message, line=line))
