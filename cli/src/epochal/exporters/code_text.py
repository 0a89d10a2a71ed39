"""Writes Python code as text: literals, calls, and statements. A text of a spec becomes code only as a literal."""

from collections.abc import Sequence
from typing import Any

from epochal.exporters.python_code import WIDTH
from epochal.exporters.python_code import literal as literal_expression


def literal(value: Any) -> str:
    """Return a JSON value as a Python literal on one line."""
    return str(literal_expression(value))


def size(sizes: Sequence[int]) -> str:
    """Return the code of the sizes of several axes: one number if all sizes are equal, else a tuple."""
    return repr(sizes[0]) if len(set(sizes)) == 1 else repr(tuple(sizes))


def crop_slice(before: int, after: int) -> str:
    """Return the code of a slice that leaves out the first `before` and the last `after` elements of an axis."""
    return f"{before or ''}:{-after if after else ''}"


def call(function: str, *arguments: str, **named: Any) -> str:
    """Return the code of a call. `arguments` are code, `named` are JSON values; None omits an argument."""
    given = [*arguments, *(f"{key}={literal(value)}" for key, value in named.items() if value is not None)]
    return f"{function}({', '.join(given)})"


def statement(text: str, indent: int) -> list[str]:
    """Return the lines of a statement. If it is too long, the parts in its brackets get their own lines."""
    space = " " * indent
    if len(space) + len(text) <= WIDTH or (group := _last_group(text)) is None:
        return [space + text]
    start, end = group
    head, inner, tail = text[: start + 1], text[start + 1 : end], text[end:]
    parts = split_arguments(inner)
    is_call = head[-1] == "(" and head[-2:-1].isidentifier()
    if len(parts) == 1 or (is_call and len(inner) + indent + 4 <= WIDTH):
        return [space + head, *statement(inner, indent + 4), space + tail]
    lines: list[str] = []
    for part in parts:
        laid_out = statement(part, indent + 4)
        lines += [*laid_out[:-1], f"{laid_out[-1]},"]
    return [space + head, *lines, space + tail]


def _last_group(text: str) -> tuple[int, int] | None:
    """Return start and end of the brackets at which a long statement is broken: the last outermost ones with content.

    If the text begins with brackets, return those.
    """
    found: tuple[int, int] | None = None
    depth = start = 0
    for position, character in _outside_strings(text):
        if character in "([{":
            start = position if depth == 0 else start
            depth += 1
        elif character in ")]}":
            depth -= 1
            is_index = text[start] == "[" and text[:start].rstrip() == text[:start] != ""
            if depth == 0 and position > start + 1 and not is_index:
                found = start, position
                if start == 0:
                    break
    return found


def split_arguments(text: str) -> list[str]:
    """Return the arguments of a call, split at the commas between them."""
    parts, depth, begin = list[str](), 0, 0
    for position, character in _outside_strings(text):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and depth == 0:
            parts.append(text[begin:position].strip())
            begin = position + 1
    last = text[begin:].strip()
    return [*parts, last] if last else parts


def _outside_strings(text: str) -> list[tuple[int, str]]:
    found, quote, position = list[tuple[int, str]](), "", 0
    while position < len(text):
        character = text[position]
        if quote:
            if character == "\\":
                position += 1
            elif character == quote:
                quote = ""
        elif character in "'\"":
            quote = character
        else:
            found.append((position, character))
        position += 1
    return found
