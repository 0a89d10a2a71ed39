"""Builds the values of a hyper-parameter (a range or a list) in the notation of an Experiment."""

from typing import Any

from epochal_api.text import printable

from epochal.importers.reading import shown
from epochal.importers.values import integer, number

MAX_VALUES = 256
"""Maximum number of values in the list of an Experiment's parameter. A parameter with more is refused."""
_MAX_INTEGER = 2**53
_MAX_TEXT = 256


class InvalidDomain(ValueError):
    """Raised for a range or a list that an Experiment does not accept. The message has the rule and the value."""


def float_range(low: Any, high: Any, step: Any = None, *, is_log: bool = False) -> dict[str, Any]:
    """Return a range of floating-point numbers, with a step or a logarithmic scale.

    Raises:
        InvalidDomain: If a bound or the step is invalid, or the lower bound is above the upper bound.
    """
    first, last = _bounds(low, high)
    result: dict[str, Any] = {"min": text_of(first), "max": text_of(last)}
    if is_log:
        if first <= 0:
            raise InvalidDomain(f"the lower bound must be above 0 on a logarithmic scale, found {shown(low)}")
        result["scale"] = "Log"
    elif step is not None:
        if (size := number(step)) is None or size <= 0:
            raise InvalidDomain(f"the step must be a number above 0, found {shown(step)}")
        result["step"] = text_of(size)
    return {"float": result}


def int_range(low: Any, high: Any, step: Any = None, *, is_log: bool = False) -> dict[str, Any]:
    """Return a range of integers, with a step or a logarithmic scale.

    Raises:
        InvalidDomain: If a bound or the step is invalid, or the lower bound is above the upper bound.
    """
    first, last = _bounds(low, high)
    if (whole_first := integer(first)) is None or (whole_last := integer(last)) is None:
        raise InvalidDomain(f"the bounds must be integers, found {shown(low)} and {shown(high)}")
    result: dict[str, Any] = {"min": whole_first, "max": whole_last}
    if is_log:
        if whole_first <= 0:
            raise InvalidDomain(f"the lower bound must be above 0 on a logarithmic scale, found {shown(low)}")
        result["scale"] = "Log"
    elif step is not None:
        if (size := integer(step)) is None or size < 1:
            raise InvalidDomain(f"the step must be an integer from 1, found {shown(step)}")
        if size > 1:
            result["step"] = size
    return {"int": result}


def powers(low: Any, high: Any, factor: Any) -> dict[str, Any]:
    """Return a list of values from `low` to at most `high`. Each value is the previous value times `factor`.

    Raises:
        InvalidDomain: If there are too many values, or a bound or the factor is wrong.
    """
    first, last = _bounds(low, high)
    size = number(factor)
    if size is None or size <= 1 or first <= 0:
        raise InvalidDomain(f"power must be a factor above 1, and the lower bound above 0, found {shown(factor)}")
    values, value = list[str](), first
    # A rounding error must not cost the last value.
    while value <= last * (1 + 1e-9):
        if len(values) == MAX_VALUES:
            raise InvalidDomain(f"power gives more than {MAX_VALUES} values")
        values.append(text_of(float(f"{value:.12g}") if isinstance(value, float) else value))
        value *= size
    return {"values": list(dict.fromkeys(values))}


def value_list(values: Any) -> dict[str, Any]:
    """Return a list of values as texts, without duplicates.

    Raises:
        InvalidDomain: If there is no value, there are too many values, or a value is no text, number or boolean.
    """
    if not isinstance(values, list) or not values:
        raise InvalidDomain(f"the values must be a list, found {shown(values)}")
    if len(values) > MAX_VALUES:
        raise InvalidDomain(f"a parameter has at most {MAX_VALUES} values, found {len(values):,}")
    if wrong := next((each for each in values if not isinstance(each, str | int | float)), None):
        raise InvalidDomain(f"a value must be a text or a number, found {shown(wrong)}")
    texts = [text_of(each) for each in values]
    if wrong_text := next((each for each in texts if len(each) > _MAX_TEXT or printable(each) != each), None):
        raise InvalidDomain(f"a value must be one line of at most {_MAX_TEXT} characters, found {shown(wrong_text)}")
    return {"values": list(dict.fromkeys(texts))}


def text_of(value: Any) -> str:
    """Return a text, number or boolean as the text that an Experiment has for it: 0.1, 32, true."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def _bounds(low: Any, high: Any) -> tuple[float | int, float | int]:
    first, last = number(low), number(high)
    if first is None or last is None or max(abs(first), abs(last)) > _MAX_INTEGER:
        raise InvalidDomain(f"the bounds must be numbers, found {shown(low)} and {shown(high)}")
    if first > last:
        raise InvalidDomain(f"the lower bound must be at most the upper bound, found {shown(low)} and {shown(high)}")
    return first, last
