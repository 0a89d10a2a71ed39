"""Converts errors of the API server when an object is saved to messages with the fields, their values and a remedy."""

import re

from epochal.client.failures import ApiError, Cause
from epochal.client.kinds import Kind

from epochal_studio.problems import Refusal, refuse

_BAD_REQUEST, _FORBIDDEN, _INVALID = 400, 403, 422
_STRICT = "strict decoding error: "
_UNKNOWN_FIELD = re.compile(r'unknown field "([^"]{1,300})"')
_VALUE = re.compile(
    r"^(Invalid value|Unsupported value|Duplicate value|Too long|Too many|Forbidden|Not found): ?", re.ASCII
)
_IN_BODY = re.compile(r"^\S+ in body ")
_FOUND = re.compile(r'^("(?:[^"\\]|\\.){0,200}"|[-+.\w]{1,40}): (.+)$', re.DOTALL)
_IMMUTABLE = " cannot change once "
"""Part of each message for a field that is immutable after the start, see `immutable` in epochal_api."""
_MAX_LINES = 16


def refusal_to_save(error: ApiError, kind: Kind) -> Refusal | None:
    """Return a Refusal for an error that is specific to a save; None for all other errors of the API server.

    Specific errors are unknown, invalid or immutable fields, and objects that a policy of the cluster refuses.

    Args:
        error: The error of the API server.
        kind: Kind of the object to save.
    """
    if error.status == _BAD_REQUEST and _STRICT in error.message:
        return _unknown_fields(error)
    if _IMMUTABLE in error.message:
        return refuse(
            422,
            "Immutable",
            "\n".join(_lines(error, kind, is_immutable=True)) or error.message,
            f"Save it under another name: the stored {kind.name} has started, but a new object can have this spec.",
        )
    if error.is_rule and error.status in {_FORBIDDEN, _INVALID}:
        return refuse(
            error.status,
            "RefusedByPolicy",
            error.message,
            "This is a rule of the cluster: change the field that the message names, or ask an administrator.",
        )
    if error.status == _INVALID:
        lines = "\n".join(_lines(error, kind))
        return refuse(422, "Invalid", lines or error.message, "Correct these fields.")
    return None


def _unknown_fields(error: ApiError) -> Refusal:
    fields = dict.fromkeys(_UNKNOWN_FIELD.findall(error.message))
    lines = [f"{field}: unknown field" for field in list(fields)[:_MAX_LINES]]
    return refuse(422, "Invalid", "\n".join(lines) or error.message, "Remove these fields, or correct their names.")


def _lines(error: ApiError, kind: Kind, *, is_immutable: bool = False) -> list[str]:
    """Return a line for each refused field, at most _MAX_LINES: its path, the value found, and the value expected.

    Args:
        error: The error of the API server.
        kind: Kind of the object to save.
        is_immutable: Whether to return only fields that are immutable after the start.
    """
    causes = [cause for cause in error.causes if cause.message]
    if is_immutable:
        # Of the message, the remedy is that of kubectl.
        causes = [
            cause._replace(message=_first_sentence(cause.message)) for cause in causes if _IMMUTABLE in cause.message
        ]
    lines = list(dict.fromkeys(_line(cause, kind) for cause in causes))
    if len(lines) > _MAX_LINES:
        lines = [*lines[:_MAX_LINES], f"and {len(lines) - _MAX_LINES} more fields"]
    return lines


def _line(cause: Cause, kind: Kind) -> str:
    text = _IN_BODY.sub("", cause.message)
    is_value = _VALUE.match(text)
    text = _VALUE.sub("", text)
    found = ""
    if is_value and (match := _FOUND.match(text)):
        # A rule for a whole object has the value "object", or its kind.
        found = "" if match[1].strip('"') in {"object", "array", kind.name} else f"found {match[1]}, "
        text = _IN_BODY.sub("", match[2])
    is_named = cause.field and cause.field != "<nil>" and not text.startswith(f"{cause.field} ")
    return f"{cause.field}: {found}{text}" if is_named else f"{found}{text}"


def _first_sentence(text: str) -> str:
    return text.partition(". ")[0]
