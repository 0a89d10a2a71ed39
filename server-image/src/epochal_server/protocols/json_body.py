"""Reads JSON that anyone may have written."""

import json
from collections import Counter
from typing import Any

import numpy as np
import orjson

from epochal_server.refusals import Invalid

NO_NUMBERS = ("NaN", "Infinity")
ESCAPED = b"\\u003"
"""How a colon begins that is written as an escape, and so is none of those that are counted in a body."""
LIST_BYTES, OBJECT_BYTES = 88, 232
"""Memory of a list of a list, and of an object of one field."""
MOST_TIMES = 30
"""Most memory of the lists and objects of a body, for each of its bytes."""
CHECKED_BYTES = 256 * 1024
"""A body of fewer bytes has memory for any number of lists."""
NEAR = 12
"""Characters around a fault that are shown."""


def read(body: bytes) -> dict[str, Any]:
    """Returns the JSON object that a body holds.

    Nesting is bounded by orjson, which takes 1,024 levels.

    Raises:
        Invalid: If it holds anything else, or names a field twice.
    """
    if not body:
        raise Invalid("body: expected a JSON object, found nothing: send one")
    if len(body) > CHECKED_BYTES:
        _refuse_many(body)
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _no_json(error) from None
    if not isinstance(found, dict):
        raise Invalid(f"body: expected a JSON object, found {kind(found)}: send one, such as {{…}}")
    if body.count(b":") > _colons(found) or ESCAPED in body:
        del found  # what both make of a large body is more than a server has memory for
        _refuse_twice(body)
        return dict(orjson.loads(body))
    return found


def kind(value: Any) -> str:
    """Returns what JSON calls a value, for people."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case dict():
            return "an object"
        case list():
            return "a list"
        case str():
            return "a text"
    return "a number"


def field(found: dict[str, Any], name: str, where: str, *, of: type) -> Any:
    """Returns a field of an object, or None if it has none of that name.

    Args:
        found: The object.
        name: Name of the field.
        where: What to call the field.
        of: What it must be: str, dict, list or int.

    Raises:
        Invalid: If it is something else.
    """
    value = found.get(name)
    if value is None or type(value) is of:
        return value
    expected = {str: "a text", dict: "an object", list: "a list", int: "a whole number"}[of]
    raise Invalid(f"{where}: expected {expected}, found {kind(value)}: send {expected}")


def _no_json(error: orjson.JSONDecodeError) -> Invalid:
    text = error.doc if isinstance(error.doc, str) else ""
    near = text[max(0, error.pos - NEAR) : error.pos + NEAR]
    if any(text.startswith(name, max(0, error.pos)) for name in NO_NUMBERS):
        return Invalid(
            f"body: expected JSON, found {text[error.pos :][:3]}… at character {error.pos}, which JSON has no number "
            "for and no model takes: send finite numbers only"
        )
    shown = f", near {near!r}" if near else ""
    return Invalid(f"body: expected JSON in UTF-8, found {error.msg} at character {error.pos}{shown}: send valid JSON")


def _colons(found: dict[str, Any]) -> int:
    """Returns how many colons an object was written with, as far as its own objects tell.

    Lists are looked into for objects only if they begin with one. Where that leaves some out, the answer is too small,
    and the body is looked at closely.
    """
    count, objects = 0, [found]
    for at in objects:  # those within are added meanwhile
        count += len(at)
        for name, value in at.items():
            if ":" in name:
                count += name.count(":")
            of = type(value)
            if of is str:
                count += value.count(":")
            elif of is dict:
                objects.append(value)
            elif of is list and value and type(value[0]) is dict:
                objects.extend(one for one in value if type(one) is dict)
    return count


def _refuse_many(body: bytes) -> None:
    """Raises Invalid if a body has so many lists and objects that they take more than `MOST_TIMES` its bytes."""
    most = MOST_TIMES * len(body)
    if LIST_BYTES * body.count(b"[") + OBJECT_BYTES * body.count(b"{") <= most:
        return
    plain = np.frombuffer(body.replace(b"\\\\", b"").replace(b'\\"', b""), np.uint8)
    outside = np.add.accumulate(plain == ord('"'), dtype=np.uint8) % 2 == 0  # of texts
    lists, objects = (int(np.count_nonzero(outside & (plain == ord(bracket)))) for bracket in "[{")
    if LIST_BYTES * lists + OBJECT_BYTES * objects > most:
        raise Invalid(
            f"body: expected more values than brackets, found {lists:,} [ and {objects:,} {{ in {len(body):,} bytes: "
            "send the values of all samples in one list, or fewer samples at a time"
        )


def _refuse_twice(body: bytes) -> None:
    """Raises Invalid if an object names a field twice: orjson, as most, would take the last of them."""

    def unique(pairs: list[tuple[str, Any]]) -> None:
        if len(dict(pairs)) != len(pairs):
            counted = Counter(name for name, _ in pairs)
            twice = next(name for name, count in counted.items() if count > 1)
            raise Invalid(f'body: expected each field once, found "{twice}" twice in one object: send it once')

    try:
        json.loads(body, object_pairs_hook=unique, parse_int=str, parse_float=str)
    except RecursionError:
        raise Invalid("body: expected JSON of a few levels, found hundreds: send what the model takes") from None
