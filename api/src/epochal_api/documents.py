"""Reads Kubernetes objects from YAML or JSON, with the line and column of each field."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from epochal_api.catalogue.findings import field, item

MAX_BYTES = 4 * 2**20
"""Maximum size of a file. An object in Kubernetes is smaller."""
_MAX_NODES = 100_000
"""Maximum number of values of an object, with those of aliases, which a file may repeat at every level."""
_MAX_DEPTH = 200
"""Maximum nesting, because parsers recurse. A TrainingJob has at most 100 levels."""
_LAST_PART = re.compile(r"(\.[^.\[\]]*|\[\d+\])$")


class Loader(yaml.SafeLoader):
    """Reads YAML as kubectl does: 1e-3 is a number, although YAML 1.1 requires 1.0e-3."""


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


class Place(NamedTuple):
    """Line and column in a file, from 1."""

    line: int
    column: int


class Document(NamedTuple):
    """An object of a file.

    Args:
        value: The object as plain values.
        places: The place of each field by its path.
    """

    value: Any
    places: Mapping[str, Place]

    def place(self, path: str) -> Place:
        """Return the place of a field, or of the object that lacks the field."""
        while path and path not in self.places:
            shorter = _LAST_PART.sub("", path)
            path = shorter if shorter != path else ""
        return self.places[path]


class UnreadableFile(ValueError):
    """A file that is no YAML, or too large. The message has the place and the requirement."""


def read_file(path: Path) -> str:
    """Return the text of a file with objects.

    Raises:
        UnreadableFile: If there is no such file, or it is larger than MAX_BYTES or no text.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        return _within_limit(content).decode()
    except OSError as error:
        raise UnreadableFile(error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"it must be text in UTF-8: {error}") from error


def _within_limit(content: bytes) -> bytes:
    if len(content) > MAX_BYTES:
        raise UnreadableFile(f"it must have at most {MAX_BYTES / 2**20:.0f} MiB: split it into several files")
    return content


def read_documents(text: str) -> Iterator[Document]:
    """Yield the objects of a file, except empty ones.

    Raises:
        UnreadableFile: If the text is no YAML, or larger or deeper than an object in Kubernetes.
    """
    _within_limit(text.encode())
    loader = Loader(text)
    try:
        while loader.check_node():
            if (node := loader.get_node()) is None:
                continue
            places = _places(node)  # It also limits the size of the object, before its values are built.
            if (value := loader.construct_document(node)) is not None:
                yield Document(value, places)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, UnreadableFile):
            raise
        found = " ".join(str(error).split()) or type(error).__name__
        raise UnreadableFile(f"it must be YAML or JSON: {found[:500]}") from error
    finally:
        loader.dispose()


def _places(root: yaml.Node) -> dict[str, Place]:
    places = {"": _place(root)}
    waiting = [("", root, 0)]
    while waiting:
        path, node, depth = waiting.pop()
        if len(places) > _MAX_NODES or depth > _MAX_DEPTH:
            limit = f"{_MAX_NODES:,} values" if len(places) > _MAX_NODES else f"{_MAX_DEPTH} levels"
            raise UnreadableFile(f"an object in it has more than {limit}: use fewer")
        for inner_path, key, inner in _inner(path, node):
            places[inner_path] = _place(key)
            waiting.append((inner_path, inner, depth + 1))
    return places


def _inner(path: str, node: yaml.Node) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
    """Yield the path, the key and the value of each field, or of each item of a list."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield field(path, key.value), key, value
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield item(path, index), value, value


def _place(node: yaml.Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)
