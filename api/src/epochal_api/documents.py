"""Reads Kubernetes objects from YAML or JSON, with the line and column of each field."""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from epochal_api.catalogue.findings import MAX_SHOWN, field, item

MAX_BYTES = 4 * 2**20
"""Maximum bytes of a file. A larger file is refused. An object in Kubernetes is smaller."""
_MAX_NODES = 100_000
"""Maximum number of values of an object. An object with more is refused. Each use of an alias counts, because aliases
can multiply per level."""
_MAX_PATHS = 8 * 2**20
"""Maximum characters of all paths of an object together. A path contains the path of its parent, so nesting adds up."""
_MAX_DEPTH = 200
"""Maximum nesting, because parsers recurse. A deeper object is refused. A TrainingJob has at most 100 levels."""
_TEXT, _MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"
_NUMBERS = frozenset({"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"})
_LAST_PART = re.compile(r"(\.[^.\[\]]*|\[\d+\])$")


class Loader(yaml.SafeLoader):
    """Reads YAML as kubectl does: 1e-3 is a number, although YAML 1.1 requires 1.0e-3, and 1:30 is a text."""

    _depth = 0
    _nodes = 0

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        """Return the tag of a node. See yaml.resolver.BaseResolver."""
        tag: str = super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
        # YAML 1.1 has numbers to the base 60. PyYAML takes seconds for such a number with thousands of digits.
        return _TEXT if tag in _NUMBERS and ":" in value and implicit[0] else tag

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Return the next node. See yaml.composer.Composer.

        Raises:
            UnreadableFile: If the node is nested too deeply, which would exceed Python's recursion limit, or if the
                object has too many values: each takes a kilobyte of memory.
        """
        if self._depth > _MAX_DEPTH:
            raise _too_large(f"{_MAX_DEPTH} levels", self.line + 1)
        if parent is None:
            self._nodes = 1
        elif index is not None:  # a key has none
            self._nodes += 1
        if self._nodes > _MAX_NODES:
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            raise _too_large(f"{_MAX_NODES:,} values", event.start_mark.line + 1)
        self._depth += 1
        try:
            node: yaml.Node | None = super().compose_node(parent, index)
            return node
        finally:
            self._depth -= 1


class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc] # the one in C is ten times as fast
    """Writes YAML that kubectl reads with the same types: the text "1e-3" is in quotes."""


for _class in (Loader, Dumper):
    _class.add_implicit_resolver(
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
        places: Line and column of each field by its path.
    """

    value: Any
    places: Mapping[str, Place]

    def place(self, path: str) -> Place:
        """Return the place of the field with a path; for a missing field, that of the innermost object around it."""
        while path and path not in self.places:
            shorter = _LAST_PART.sub("", path)
            path = shorter if shorter != path else ""
        return self.places[path]


class UnreadableFile(ValueError):
    """A file that cannot be read as Kubernetes objects: it is missing, no YAML, too large, or has an invalid key.

    A key is invalid if it is repeated, or is a list or a mapping.

    Args:
        message: The requirement that the file violates, or the operating system's error if the file cannot be opened.
        line: The line, from 1, if it is known.
    """

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


def read_file(path: Path) -> str:
    """Return the text of a file with objects.

    Raises:
        UnreadableFile: If the file cannot be opened, is larger than MAX_BYTES, or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        return _within_limit(content).decode()
    except OSError as error:
        raise UnreadableFile(error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"the file must be text in UTF-8: {error}") from error


def _within_limit(content: bytes) -> bytes:
    if len(content) > MAX_BYTES:
        raise UnreadableFile(f"the file must have at most {MAX_BYTES / 2**20:.0f} MiB: split it into several files")
    return content


def read_documents(text: str) -> Iterator[Document]:
    """Yield the objects in the text of a file, except empty documents.

    Raises:
        UnreadableFile: If the text is no YAML or larger than MAX_BYTES, or if an object has too many values or levels,
            or an invalid or repeated key.
    """
    _within_limit(text.encode(errors="replace"))
    loader = None
    try:
        loader = Loader(text)
        while loader.check_node():
            if (node := loader.get_node()) is None:
                continue
            places = _places(node)  # It also limits the size of the object, before its values are built.
            if (value := loader.construct_document(node)) is not None:
                yield Document(value, places)
    except UnreadableFile:
        raise
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        found = " ".join(str(error).split()) or type(error).__name__
        raise UnreadableFile(f"the file must be YAML or JSON: {found[:500]}", _line_of(error, text)) from error
    finally:
        if loader is not None:
            loader.dispose()


def _too_large(limit: str, line: int) -> UnreadableFile:
    return UnreadableFile(f"an object has more than {limit}: use fewer", line)


def _line_of(error: Exception, text: str) -> int | None:
    """Return the line of an error in a text, counted from 1; None if it is unknown."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        return mark.line + 1 if mark else None
    if isinstance(error, yaml.reader.ReaderError):
        return text.count("\n", 0, error.position) + 1
    return None


def _places(root: yaml.Node) -> dict[str, Place]:
    """Return line and column of each field by its path, outer fields first.

    Fields are omitted once all paths together have _MAX_PATHS characters.

    Raises:
        UnreadableFile: If the object is too large or too deep, or a key is repeated, or is a list or a mapping.
    """
    places = {"": _place(root)}
    waiting: deque[tuple[str | None, yaml.Node, int]] = deque([("", root, 0)])
    nodes, left = 1, _MAX_PATHS
    while waiting:
        path, node, depth = waiting.popleft()
        if depth > _MAX_DEPTH:
            raise _too_large(f"{_MAX_DEPTH} levels", _place(node).line)
        for inner_path, key, inner in _children(path, node):
            nodes += 1  # not the number of places: several keys may have the same path, because paths are cut
            if nodes > _MAX_NODES:
                raise _too_large(f"{_MAX_NODES:,} values", _place(node).line)
            left -= len(inner_path or "")
            kept = inner_path if left >= 0 else None
            if kept is not None:
                places[kept] = _place(key)
            waiting.append((kept, inner, depth + 1))
    return places


def _children(path: str | None, node: yaml.Node) -> Iterator[tuple[str | None, yaml.Node, yaml.Node]]:
    """Yield path, key node and value node of each field of a mapping, or of each item (as key and value) of a list.

    The paths are None if `path`, the path of the node, is None.
    """
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            _require_scalar(key)
            _require_new(key, lines)
            yield None if path is None else field(path, key.value), key, value
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield None if path is None else item(path, index), value, value


def _require_scalar(key: yaml.Node) -> None:
    """Raise UnreadableFile if a key is a list or a mapping, whose text would repeat the content of its aliases."""
    if not isinstance(key, yaml.ScalarNode):
        line, found = _place(key).line, "a list" if isinstance(key, yaml.SequenceNode) else "a mapping"
        raise UnreadableFile(f"line {line}: a key must be a text, found {found}: write a text", line)


def _require_new(key: yaml.Node, lines: dict[str, int]) -> None:
    """Add a key of a mapping to `lines`, the lines of the mapping's earlier keys.

    Raises:
        UnreadableFile: If the mapping has the key twice. PyYAML would use the last value, and kubectl refuses the file.
    """
    if key.tag == _MERGE:
        return
    line = _place(key).line
    if key.value in lines:
        raise UnreadableFile(
            f"line {line}: the key {key.value[:MAX_SHOWN]!r} is given twice, first in line {lines[key.value]}: "
            "remove one of them",
            line,
        )
    lines[key.value] = line


def _place(node: yaml.Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)
