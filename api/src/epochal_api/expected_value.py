"""Texts for users about an invalid field, in place of pydantic's messages: the expected value and the found value."""

from collections.abc import Mapping

from pydantic_core import ErrorDetails

_INTEGER, _NUMBER, _BOOLEAN = "must be an integer", "must be a number", "must be true or false"
_LIST, _MAP = "must be a list", "must be a map of names to values"
_EXPECTED: Mapping[str, str] = {
    "missing": "is required",
    "extra_forbidden": "is not a known field: check its name and its place",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be greater than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "literal_error": "must be {expected}",
    "int_type": _INTEGER,
    "int_parsing": _INTEGER,
    "int_parsing_size": _INTEGER,
    "int_from_float": _INTEGER,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "must be a finite number",
    "bool_type": _BOOLEAN,
    "bool_parsing": _BOOLEAN,
    "string_type": "must be text: put a number, true, false or null in quotes",
    "string_pattern_mismatch": "must match the pattern {pattern}",
    "list_type": _LIST,
    "dict_type": _MAP,
    "model_type": _MAP,
    "model_attributes_type": _MAP,
}
"""The expected value by the type of pydantic's error. See https://docs.pydantic.dev/latest/errors/validation_errors."""
_LENGTHS: Mapping[str, str] = {
    "too_short": "min_length",
    "too_long": "max_length",
    "string_too_short": "min_length",
    "string_too_long": "max_length",
}
"""Key of the limit in the context of pydantic's error, by the error's type. A text may have the type of a list."""
_PATTERNS: dict[str, str] = {}
_MAX_SHOWN = 80
"""Maximum characters of a value in a message. A longer value is cut."""


def describe_pattern(pattern: str, expected: str) -> None:
    """Register the text that messages show in place of a pattern, such as `must be the name of a bucket`."""
    _PATTERNS[pattern] = expected


def expected_value(detail: ErrorDetails) -> str:
    """Return the requirement that a value violates, such as `must be at least 1`."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in _LENGTHS:
        count = context[_LENGTHS[kind]]
        noun = "character" if isinstance(detail["input"], str) else "item"
        least = "least" if "short" in kind else "most"
        return f"must have at {least} {count:,} {noun}{'s' if count != 1 else ''}"
    if (described := _PATTERNS.get(context.get("pattern", ""))) is not None:
        return described
    if (template := _EXPECTED.get(kind)) is not None:
        return template.format_map(context)
    return detail["msg"].removeprefix("Value error, ")


def found_value(detail: ErrorDetails) -> str:
    """Return the found value as text for an error message, such as `'Adam'` or `a list of 3`; "" to omit it."""
    kind, found = detail["type"], detail["input"]
    if kind == "missing" or ", found " in detail["msg"]:
        return ""
    if isinstance(found, list | dict):
        has_text = kind in {"extra_forbidden", "value_error"}  # the values in it are not the error
        return "" if has_text else f"a {'list' if isinstance(found, list) else 'map'} of {len(found):,}"
    if found is None or isinstance(found, bool):
        return {None: "null", True: "true", False: "false"}[found]
    if isinstance(found, int) and abs(found) >= 10**_MAX_SHOWN:  # Python refuses to write thousands of digits
        return f"an integer of more than {_MAX_SHOWN} digits"
    text = str(found)[:_MAX_SHOWN]
    return repr(text) if isinstance(found, str) else text
