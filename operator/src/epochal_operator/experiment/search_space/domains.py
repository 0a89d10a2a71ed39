"""The domains of hyperparameters. Values are texts, and each value has a single canonical text."""

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from epochal_api.experiment.parameter import Parameter

DIGITS = 6
"""Significant digits of a sampled number in a continuous range: a seventh digit does not improve training."""
_EXACT = 17
"""Significant digits with which all floats differ."""
_MAX_TEXT = 256
"""Maximum characters of a value: the same limit as for a listed value. A longer text is cut, and ends in a digest."""
_MAX_DIGEST = 16
"""Characters of the digest at the end of a shortened text."""


@dataclass(frozen=True)
class Range:
    """The range of a `float` or `int` parameter.

    Args:
        log: Whether the range is sampled on a logarithmic scale.
        step: The distance between two values; None for a continuous range.
    """

    low: Fraction
    high: Fraction
    log: bool
    step: Fraction | None
    is_whole: bool = False

    @property
    def size(self) -> int | None:
        """The number of values; None for a continuous range."""
        if self.low == self.high:
            return 1
        return None if self.step is None else (self.high - self.low) // self.step + 1

    def at(self, index: int) -> str:
        """Return the value at an index from 0 to `size` - 1."""
        return repr(self._native(self.low + index * (self.step or 0)))

    def index(self, number: float) -> int:
        """Return the index of the value that is nearest to a number."""
        index = round((Fraction(number) - self.low) / self.step) if self.step else 0
        return min(max(index, 0), (self.size or 1) - 1)

    def nearest(self, number: float) -> str:
        """Return the value of the range that is nearest to a sampled number, as text."""
        if self.step is not None:
            return self.at(self.index(number))
        rounded = float(f"{number:.{self._digits}g}")
        return repr(min(max(rounded, float(self.low)), float(self.high)) + 0.0)

    @cached_property
    def _digits(self) -> int:
        """The significant digits of a value: more for a narrow range far from zero."""
        if self.low == self.high:
            return _EXACT
        ratio = max(abs(self.low), abs(self.high)) / (self.high - self.low)
        return min(DIGITS + int(math.log10(max(float(ratio), 1.0))), _EXACT)

    def parse(self, text: str) -> float | None:
        """Return the number in a text; None if the text is no finite number, or no integer for an `int` parameter."""
        try:
            number = float(text)
            if self.is_whole and text.lstrip("+-").isdecimal():
                return int(text)
        except ValueError:
            return None
        if not math.isfinite(number):
            return None
        if self.is_whole:
            return int(number) if number.is_integer() else None
        return number + 0.0  # -0.0 becomes 0.0

    def canonical(self, text: str) -> str:
        """Return the canonical text of a number; any other text stays unchanged."""
        number = self.parse(text)
        return text if number is None else repr(number)

    def contains(self, text: str) -> bool:
        """Return whether a value belongs to the domain."""
        number = self.parse(text)
        if number is None or not self._native(self.low) <= number <= self._native(self.high):
            return False
        return self.step is None or self.nearest(number) == repr(number)

    def from_json(self, value: Any) -> str | None:
        """Return the canonical text of a JSON value, or None if the value is not a number of this type.

        The result is also None for a longer integer than the ledger stores: 1e300 has 301 digits.
        """
        number = None if isinstance(value, bool) else self.parse(str(value))
        return None if number is None or len(text := repr(number)) > _MAX_TEXT else text

    def values_to_check(self) -> list[str]:
        """Return the smallest and the largest value: if both are valid, all values are valid."""
        return [repr(self._native(self.low)), repr(self._native(self.high))]

    def faults(self) -> Iterator[str]:
        """Yield a fault if `max` is not `min` plus a multiple of `step`, or `step` is too small for floats."""
        if self.step is None:
            return
        field = "int" if self.is_whole else "float"
        if remainder := (self.high - self.low) % self.step:
            last = f"{_format(self.high - remainder)} or {_format(self.high - remainder + self.step)}"
            found = f"found {_format(self.high)} with min {_format(self.low)} and step {_format(self.step)}"
            yield f"{field}.max must be min plus a multiple of step, such as {last}; {found}"
        largest = max(abs(self.low), abs(self.high))
        if not self.is_whole and self.step < (min_step := 2 * math.ulp(float(largest))):
            # A smaller step is lost when a value is rounded to a float.
            reason = f"so that floats near {_format(largest)} differ"
            yield f"{field}.step must be at least {min_step}, {reason}; found {_format(self.step)}"

    def _native(self, number: Fraction) -> float:
        return int(number) if self.is_whole else float(number) + 0.0


@dataclass(frozen=True)
class Choice:
    """A list of values.

    Args:
        values: The values as JSON texts, but strings without quotes.
    """

    values: tuple[str, ...]

    @property
    def size(self) -> int:
        """The number of values."""
        return len(self.values)

    def at(self, index: int) -> str:
        """Return the value at an index from 0 to `size` - 1."""
        return self.values[index]

    def parse(self, text: str) -> Any:
        """Return the JSON value of a text."""
        return _json(text)

    def canonical(self, text: str) -> str:
        """Return the canonical text of a value; a text outside the list stays unchanged."""
        return text if text in self._texts else self._listed.get(_equality_key(_json(text)), text)

    def contains(self, text: str) -> bool:
        """Return whether a value belongs to the domain."""
        return text in self._texts or _equality_key(_json(text)) in self._listed

    def from_json(self, value: Any) -> str | None:
        """Return the canonical text of a JSON value.

        A long text that is not a listed value is cut, and ends in a digest.
        """
        if isinstance(value, str):
            return _shorten(self.canonical(value))
        return self._listed.get(_equality_key(value)) or _shorten(json.dumps(value))

    def values_to_check(self) -> list[str]:
        """Return the values that must be validated: all values of the list."""
        return list(self.values)

    def faults(self) -> Iterator[str]:
        """Yield a fault for each listed value that equals another listed value."""
        for value in self.values:
            if (other := self.canonical(value)) != value:
                yield f"values must differ, found the equal values {other!r} and {value!r}"

    @cached_property
    def _listed(self) -> dict[str, str]:
        """The listed values by their normalized JSON text."""
        return {_equality_key(_json(value)): value for value in reversed(self.values)}

    @cached_property
    def _texts(self) -> frozenset[str]:
        """The canonical texts. A ledger is rebuilt from up to 32,000 values, and to parse each takes a second."""
        return frozenset(self._listed.values())


Domain = Range | Choice


def domain_of(parameter: Parameter) -> Domain:
    """Return the domain of a parameter."""
    numbers = parameter.float_ or parameter.int_
    if numbers is None:
        return Choice(tuple(parameter.values or ()))
    step = None if numbers.step is None else Fraction(numbers.step)
    is_log, is_whole = numbers.scale == "Log", parameter.int_ is not None
    return Range(Fraction(numbers.min), Fraction(numbers.max), is_log, step, is_whole)


def _format(number: Fraction) -> str:
    return str(number) if number == int(number) else repr(float(number) + 0.0)


def _shorten(text: str) -> str:
    """Return a text within the length limit of a value, because a template may have a whole vocabulary at a place."""
    if len(text) <= _MAX_TEXT:
        return text
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_MAX_DIGEST]
    return f"{text[: _MAX_TEXT - _MAX_DIGEST - 1]}…{digest}"


def _json(text: str) -> Any:
    try:
        value = json.loads(text, parse_constant=_refuse)
    except ValueError:
        return text
    return text if isinstance(value, float) and not math.isfinite(value) else value


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _equality_key(value: Any) -> str:
    """Return a text that equal values share: 1 and 1.0 share a text, but 1 and true do not."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(float(value))
    return json.dumps(value, sort_keys=True)
