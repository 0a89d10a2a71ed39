"""Parses JSON from untrusted clients."""

import json
from collections import Counter
from typing import Any

import numpy as np
import orjson

from epochal_server.refusals import Invalid

NO_NUMBERS = ("NaN", "Infinity")
ESCAPED = b"\\u003"
"""Start of an escaped colon in JSON. Such a colon is missing from the count of colons in a body."""
LIST_BYTES, OBJECT_BYTES = 88, 232
"""Memory of a list in a list, and of an object with one field."""
MOST_TIMES = 30
"""Maximum memory of the lists and objects of a body, as a multiple of its bytes."""
CHECKED_BYTES = 256 * 1024
"""Minimum size of a body that is checked for too many lists. There is enough memory for any smaller body."""
NEAR = 12
"""Number of characters around an error that the message shows."""


def read(body: bytes) -> dict[str, Any]:
    """Return the JSON object in a body.

    orjson limits the nesting to 1,024 levels.

    Raises:
        Invalid: If the body holds no JSON object, or an object repeats a field.
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
        del found  # there is no memory for two parsed copies of a large body
        _refuse_twice(body)
        return dict(orjson.loads(body))
    return found


def kind(value: Any) -> str:
    """Return the JSON type of a value, for messages."""
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
    """Return a field of an object, or None if the field is missing or null.

    Args:
        found: The object.
        name: The field's name.
        where: The field's name in messages.
        of: Required type: str, dict, list or int.

    Raises:
        Invalid: If the value has another type.
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
    """Return the number of colons that the text of an object needs, as far as its nested objects show it.

    Only lists that begin with an object are searched for objects. If this misses some objects, the number is too small,
    and `read` checks the body for repeated fields.
    """
    count, objects = 0, [found]
    for at in objects:  # the loop appends nested objects
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
    """Raise Invalid if the lists and objects of a body take more memory than `MOST_TIMES` its bytes."""
    most = MOST_TIMES * len(body)
    if LIST_BYTES * body.count(b"[") + OBJECT_BYTES * body.count(b"{") <= most:
        return
    plain = np.frombuffer(body.replace(b"\\\\", b"").replace(b'\\"', b""), np.uint8)
    outside = np.add.accumulate(plain == ord('"'), dtype=np.uint8) % 2 == 0  # outside of strings
    lists, objects = (int(np.count_nonzero(outside & (plain == ord(bracket)))) for bracket in "[{")
    if LIST_BYTES * lists + OBJECT_BYTES * objects > most:
        raise Invalid(
            f"body: expected more values than brackets, found {lists:,} [ and {objects:,} {{ in {len(body):,} bytes: "
            "send the values of all samples in one list, or fewer samples at a time"
        )


def _refuse_twice(body: bytes) -> None:
    """Raise Invalid if an object repeats a field. orjson, like most parsers, would use the last value."""

    def unique(pairs: list[tuple[str, Any]]) -> None:
        if len(dict(pairs)) != len(pairs):
            counted = Counter(name for name, _ in pairs)
            twice = next(name for name, count in counted.items() if count > 1)
            raise Invalid(f'body: expected each field once, found "{twice}" twice in one object: send it once')

    try:
        json.loads(body, object_pairs_hook=unique, parse_int=str, parse_float=str)
    except RecursionError:
        raise Invalid("body: expected JSON of a few levels, found hundreds: send what the model takes") from None
