"""Texts that people write as numbers without quotes, such as 0.2, which the API server would store as floats."""

import math
from typing import Any

from pydantic import BeforeValidator, Field

from epochal_api.expected_value import describe_pattern
from epochal_api.model import QUOTED, Rule, admission, short_text, text_or_number

IN_QUOTES = "must be text in quotes"
"""The requirement that a number without quotes violates."""
MAX_EXACT = 2**53 - 1
"""Largest float that the API server accepts as an integer."""
_MAX_DIGITS = 32
"""Maximum digits of an integer in a message."""


def _require_text(value: Any) -> Any:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return value
    # Python refuses to write integers of thousands of digits.
    is_shown = abs(value) < 10**_MAX_DIGITS if isinstance(value, int) else math.isfinite(value)
    raise ValueError(f'{IN_QUOTES}, found {value}: write "{value}"' if is_shown else IN_QUOTES)


def _require_text_or_integer(value: Any) -> Any:
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) <= MAX_EXACT
        and value == int(value)
    ):
        return str(int(value))
    return _require_text(value)


TEXT_IN_QUOTES = BeforeValidator(_require_text)
"""Refuses a number without quotes."""
TEXT_OR_INTEGER = BeforeValidator(_require_text_or_integer)
"""Refuses a number without quotes, but converts an integer to text."""


def quoted_text_or_integer(*, pattern: str, max_length: int) -> dict[str, Any]:
    """Return the schema of text that may be written as an integer without quotes, but not as another number."""
    return {**text_or_number(pattern=pattern, max_length=max_length), QUOTED: True}


def matching_in_quotes(pattern: str, message: str, *, max_length: int) -> Any:
    """Return the Field that requires a text in quotes to match a pattern, by a rule of the admission policy."""
    describe_pattern(pattern, message)
    rule = Rule(f"self.matches(r'{pattern}')", message, (short_text("self"),))
    extra = {QUOTED: False, **admission(rule), "pattern": None}
    return Field(pattern=pattern, max_length=max_length, json_schema_extra=extra)
