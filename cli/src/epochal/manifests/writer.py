"""Writes a Kubernetes object as YAML with comments, in the style of a hand-written file."""

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from epochal_api.catalogue.findings import field, item
from epochal_api.text import printable

WIDTH = 120
"""Maximum columns of a line with a value in flow style, such as `{layer: Dense, units: 10}`."""
_FLOW_DEPTH = 3
"""Minimum depth at which a mapping with one field may be in flow style, such as spec.data.train (depth 3)."""

_PLAIN = re.compile(r"(?:[^\W\d]|/)[\w./@%+-]*(?:[ :][\w./@%+-]+)*")
"""Texts that need no quotes in YAML, except `_WORDS`. Texts that match `_QUANTITY` need no quotes either."""
_QUANTITY = re.compile(r"[0-9]+([KMGT]i|[mkMGT])", re.ASCII)
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
"""Words in lower case that YAML 1.1 reads as a boolean or null, in any case of letters."""


def write(document: Mapping[str, Any], comments: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return a document as YAML: block style, and flow style for layers and other short lists and mappings.

    Texts such as "0.2", which the API expects as texts, are quoted.

    Args:
        document: The document as plain JSON values.
        comments: Comments by the path of a field, such as spec.network.layers[3]. A comment is above its field. The
            comment of the path "" is at the head of the file, with the comments of fields that are not in the document.
    """
    return _Writer(comments).write(document) if document else "{}\n"


class _Writer:
    def __init__(self, comments: Mapping[str, str]) -> None:
        self._comments = dict(comments)
        # A collection with a comment inside cannot be in flow style.
        self._block_only = {
            path[: match.start()] for path, text in comments.items() if text for match in re.finditer(r"[.\[]", path)
        }
        self._lines: list[str] = []

    def write(self, document: Mapping[str, Any]) -> str:
        head = self._comments.pop("", "")
        self._write_mapping(document, "", "", depth=0)
        without_field = (f"{path}: {text}" for path, text in self._comments.items() if text)
        lines = [*_comment_lines(head), *(line for text in without_field for line in _comment_lines(text))]
        return "\n".join([*lines, *self._lines]) + "\n"

    def _write_mapping(
        self, value: Mapping[Any, Any], path: str, pad: str, *, depth: int, starts_item: bool = False
    ) -> None:
        """Write the fields of a mapping. With `starts_item`, the first field is on the line of the list item's dash."""
        for key, inner in value.items():
            lead = f"{pad[:-2]}- " if starts_item else pad
            inner_path = field(path, key)
            self._write_comment(inner_path, pad[:-2] if starts_item else pad)
            self._write_value(f"{lead}{_scalar(key)}:", inner, inner_path, pad, depth=depth + 1)
            starts_item = False

    def _write_value(self, start: str, value: Any, path: str, pad: str, *, depth: int) -> None:
        """Write the value of a field on the line that begins with `start`, or as a block below this line."""
        text = self._flow_value(value, path, depth, WIDTH - len(start) - 1)
        if text is not None:
            self._lines.append(f"{start} {text}")
            return
        self._lines.append(start)
        if isinstance(value, Mapping):
            self._write_mapping(value, path, f"{pad}  ", depth=depth)
        else:
            self._write_list(value, path, pad, depth=depth)

    def _flow_value(self, value: Any, path: str, depth: int, room: int) -> str | None:
        """Return the value of a field in flow style, or None if it must be a block.

        A block is too long for the line, has inner mappings or comments, or is a mapping near the top of the document.
        """
        if not _is_collection(value) or not value:
            return _flow(value, None)
        if path in self._block_only:
            return None
        if isinstance(value, Mapping):
            is_deep = depth >= _FLOW_DEPTH or (depth == _FLOW_DEPTH - 1 and len(value) > 1)
            return _flow(value, room) if is_deep and not _has_mapping(value.values()) else None
        return None if _has_mapping(value) else _flow(value, room)

    def _write_list(self, value: Sequence[Any], path: str, pad: str, *, depth: int) -> None:
        for index, inner in enumerate(value):
            inner_path = item(path, index)
            self._write_comment(inner_path, pad)
            limit = WIDTH - len(pad) - 2 if _is_collection(inner) else None
            is_block = inner_path in self._block_only and _is_collection(inner) and inner
            if not is_block and (text := _flow(inner, limit)) is not None:
                self._lines.append(f"{pad}- {text}")
            elif isinstance(inner, Mapping):
                self._write_mapping(inner, inner_path, f"{pad}  ", depth=depth, starts_item=True)
            else:
                self._lines.append(f"{pad}-")
                self._write_list(inner, inner_path, f"{pad}  ", depth=depth)

    def _write_comment(self, path: str, pad: str) -> None:
        self._lines += (f"{pad}{line}" for line in _comment_lines(self._comments.pop(path, "")))


def _comment_lines(text: str) -> Iterator[str]:
    return (f"# {printable(line)}".rstrip() for line in text.splitlines())


def _is_collection(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple)


def _has_mapping(values: Any) -> bool:
    """Return whether one of the values is a mapping, or a list that contains a mapping at any depth."""
    return any(
        _has_mapping(value) if isinstance(value, list | tuple) else isinstance(value, Mapping) for value in values
    )


def _flow(value: Any, room: int | None) -> str | None:
    """Return a value in flow style, or None if it has more characters than `room`; None as `room` means no limit.

    It stops at the first value beyond this limit, so a large value takes little time.
    """
    if isinstance(value, Mapping):
        opening, closing = "{", "}"
        entries: Iterator[tuple[str, Any]] = ((f"{_scalar(key)}: ", inner) for key, inner in value.items())
    elif isinstance(value, list | tuple):
        opening, closing = "[", "]"
        entries = (("", inner) for inner in value)
    else:
        text = _scalar(value)
        return text if room is None or len(text) <= room else None
    parts, used = list[str](), len(opening) + len(closing)
    for key, inner in entries:
        used += len(key) + (len(", ") if parts else 0)
        text_or_none = _flow(inner, None if room is None else room - used)
        if text_or_none is None:
            return None
        used += len(text_or_none)
        parts.append(f"{key}{text_or_none}")
    return f"{opening}{', '.join(parts)}{closing}" if room is None or used <= room else None


def _scalar(value: Any) -> str:
    """Return a value as a YAML scalar that YAML 1.1, YAML 1.2 and kubectl read as the same value of the same type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        text = float.__repr__(value)
        return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(text, text)
    if not isinstance(value, str):
        raise TypeError(f"a document must have plain JSON values, found {type(value).__name__}")
    is_plain = (_PLAIN.fullmatch(value) and value.lower() not in _WORDS) or _QUANTITY.fullmatch(value)
    return str(value) if is_plain else f'"{"".join(map(_escaped, value))}"'


def _escaped(character: str) -> str:
    """Return a character as it is written in a YAML text with double quotes, escaped if necessary."""
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    return {"\n": "\\n", "\t": "\\t"}.get(character) or (
        f"\\u{ord(character):04x}" if ord(character) <= 0xFFFF else f"\\U{ord(character):08x}"  # noqa: PLR2004
    )
