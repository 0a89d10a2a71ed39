"""The refusals of the API server to save an object, with the fields, the values found and the remedy."""

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
"""Part of the messages of the API for fields that are immutable after the start, see `epochal_api…spec.immutable`."""
_MAX_LINES = 16


def refusal_to_save(error: ApiError, kind: Kind) -> Refusal | None:
    """Return the refusal of the API server in the words of Studio; None for an error that any request may have."""
    if error.status == _BAD_REQUEST and _STRICT in error.message:
        return _unknown_fields(error)
    if _IMMUTABLE in error.message:
        return refuse(
            422,
            "Immutable",
            "\n".join(_lines(error, kind, is_immutable=True)) or error.message,
            f"Save it under another name: the stored {kind.name} has run, and a new one can have this spec.",
        )
    if error.is_rule and error.status in {_FORBIDDEN, _INVALID}:
        return refuse(
            error.status,
            "RefusedByPolicy",
            error.message,
            "This is a rule of the cluster: change the field that it names, or ask an administrator.",
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
    """Return a line for each refused field: its path, the value found, and the value expected."""
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
