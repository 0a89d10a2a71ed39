"""Parses JSON from untrusted clients."""

import json
from collections import Counter
from contextlib import suppress
from typing import Any

import numpy as np
import orjson

from epochal_server.protocols.media_type import refuse_picture
from epochal_server.refusals import Invalid

NOT_FINITE = ("NaN", "Infinity")
ESCAPED_COLON = b"\\u003"
"""Start of an escaped colon in JSON. A count of colons in a body misses such a colon."""
LIST_BYTES, OBJECT_BYTES = 88, 232
"""Bytes of memory of a Python list in a list, and of a dict with one field."""
MAX_EXPANSION = 30
"""Maximum memory of the lists and objects of a parsed body, as a multiple of the body's bytes. A body that needs more
is refused."""
CHECKED_BYTES = 256 * 1024
"""Maximum size of a body that is not checked for too many lists: there is enough memory for any such body."""
CONTAINERS = frozenset({dict, list})
CONTEXT_CHARACTERS = 12


def read(body: bytes) -> dict[str, Any]:
    """Return the JSON object in a body.

    orjson limits the nesting to 1,024 levels. It keeps only the last value of a repeated field. Repeated
    fields are found by the number of colons in the body, because a second parser with a hook for each object would hold
    Python's lock for a second.

    Raises:
        Invalid: If the body holds no JSON object, or an object repeats a field.
        Unsupported: If the body is a picture.
    """
    if not body:
        raise Invalid("body: expected a JSON object, found an empty body: send a JSON object")
    if len(body) > CHECKED_BYTES:
        _check_memory(body)
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        refuse_picture(body)
        raise _invalid_json(error) from None
    if not isinstance(parsed, dict):
        raise Invalid(f"body: expected a JSON object, found {kind(parsed)}: send an object, such as {{…}}")
    if (body.count(b":") > _min_colons(parsed) or ESCAPED_COLON in body) and _count_outside_strings(body, ":")[
        0
    ] > _count_fields(parsed):
        repeated = _repeated_field(body)
        found = f'"{repeated}" twice in one object' if repeated is not None else "a field twice in one object"
        raise Invalid(f"body: expected each field once, found {found}: send it once")
    return parsed


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
            return "a string"
    return "a number"


def field(found: dict[str, Any], name: str, where: str, *, of: type) -> Any:
    """Return a field of an object, or None if the field is missing or null.

    Raises:
        Invalid: If the value has another type than `of`.
    """
    value = found.get(name)
    if value is None or type(value) is of:
        return value
    expected = {str: "a string", dict: "an object", list: "a list", int: "an integer"}[of]
    raise Invalid(f"{where}: expected {expected}, found {kind(value)}: send {expected}")


def _invalid_json(error: orjson.JSONDecodeError) -> Invalid:
    text = error.doc if isinstance(error.doc, str) else ""
    context = text[max(0, error.pos - CONTEXT_CHARACTERS) : error.pos + CONTEXT_CHARACTERS]
    if any(text.startswith(name, max(0, error.pos)) for name in NOT_FINITE):
        return Invalid(
            f"body: expected JSON, found {text[error.pos :][:3]}… at character {error.pos}, which is not valid in "
            "JSON: send finite numbers only"
        )
    near = f", near {context!r}" if context else ""
    return Invalid(f"body: expected JSON in UTF-8, found {error.msg} at character {error.pos}{near}: send valid JSON")


def _min_colons(parsed: dict[str, Any]) -> int:
    """Return a lower bound of the number of colons in the JSON text of an object.

    For speed, only lists that begin with an object are searched for objects. If this misses some objects, the number is
    too small, and `read` counts all fields.
    """
    count, objects = 0, [parsed]
    for at in objects:  # the loop appends nested objects
        count += len(at)
        for name, value in at.items():
            if ":" in name:
                count += name.count(":")
            if type(value) is str:
                count += value.count(":")
            elif type(value) is dict:
                objects.append(value)
            elif type(value) is list and value and type(value[0]) is dict:
                objects.extend(item for item in value if type(item) is dict)
    return count


def _count_fields(parsed: dict[str, Any]) -> int:
    """Return the number of fields of an object, and of all objects nested in it."""
    count, containers = 0, list[Any]([parsed])
    while containers:
        container = containers.pop()
        if type(container) is dict:
            count += len(container)
            container = container.values()
        containers.extend(value for value in container if type(value) in CONTAINERS)
    return count


def _count_outside_strings(body: bytes, characters: str) -> list[int]:
    """Return how often each of `characters` occurs in valid JSON, outside of its strings.

    NumPy releases Python's lock meanwhile.
    """
    unescaped = np.frombuffer(body.replace(b"\\\\", b"").replace(b'\\"', b""), np.uint8)
    is_outside = np.add.accumulate(unescaped == ord('"'), dtype=np.uint8) % 2 == 0
    return [int(np.count_nonzero(is_outside & (unescaped == ord(character)))) for character in characters]


def _check_memory(body: bytes) -> None:
    """Raise Invalid if the lists and objects of a body take more memory than `MAX_EXPANSION` times its bytes."""
    max_memory = MAX_EXPANSION * len(body)
    if LIST_BYTES * body.count(b"[") + OBJECT_BYTES * body.count(b"{") <= max_memory:
        return
    lists, objects = _count_outside_strings(body, "[{")
    if LIST_BYTES * lists + OBJECT_BYTES * objects > max_memory:
        raise Invalid(
            f"body: expected fewer lists and objects, found {lists:,} [ and {objects:,} {{ in {len(body):,} bytes: "
            "send the values of all samples in one list, or fewer samples at a time"
        )


def _repeated_field(body: bytes) -> str | None:
    """Return the name of a repeated field for the error message; None if the body is too large or deep to search."""
    repeated: list[str] = []

    def find(pairs: list[tuple[str, Any]]) -> None:
        if not repeated and len(dict(pairs)) != len(pairs):
            counts = Counter(name for name, _ in pairs)
            repeated.append(next(name for name, count in counts.items() if count > 1))

    if len(body) <= CHECKED_BYTES:
        with suppress(RecursionError):
            json.loads(body, object_pairs_hook=find, parse_int=str, parse_float=str)
    return next(iter(repeated), None)
