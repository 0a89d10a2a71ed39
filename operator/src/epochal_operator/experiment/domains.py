"""What a hyper-parameter may be. Its values travel as text, and of all texts that mean the same one is canonical."""

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from epochal_api.parameter import Parameter

DIGITS = 6
"""Digits to which a number that may be any of a range is drawn: nobody trains better by the seventh."""
_EXACT = 17
"""Digits that tell all floats apart."""
_MAX_TEXT = 256
"""Characters of a value: as many as one that is listed may have."""
_MAX_SUM = 16
"""Characters that tell a longer one from others."""


@dataclass(frozen=True)
class Floats:
    """Numbers of a range.

    Args:
        low: The least.
        high: The largest.
        log: Whether their logarithm is what is spread evenly.
        step: Their distance from each other; None if they may be any.
    """

    low: Fraction
    high: Fraction
    log: bool
    step: Fraction | None

    @property
    def size(self) -> int | None:
        """How many there are; None if that is no matter of counting."""
        if self.low == self.high:
            return 1
        return None if self.step is None else (self.high - self.low) // self.step + 1

    def at(self, index: int) -> str:
        """Returns the value of an index below `size`."""
        return _number(float(self.low + index * (self.step or 0)))

    def index(self, number: float) -> int:
        """Returns the index of the value that is next to a number."""
        index = round((Fraction(number) - self.low) / self.step) if self.step else 0
        return min(max(index, 0), (self.size or 1) - 1)

    def text(self, drawn: float) -> str:
        """Returns the value that is meant by a number that was drawn."""
        if self.step is not None:
            return self.at(self.index(drawn))
        rounded = float(f"{drawn:.{self._digits}g}")
        return _number(min(max(rounded, float(self.low)), float(self.high)))

    @cached_property
    def _digits(self) -> int:
        """More digits for a narrow range far from zero."""
        if self.low == self.high:
            return _EXACT
        far = max(abs(self.low), abs(self.high)) / (self.high - self.low)
        return min(DIGITS + int(math.log10(max(float(far), 1.0))), _EXACT)

    def parse(self, text: str) -> float | None:
        """Returns what a text means, as JSON has it; None if it is no number."""
        try:
            number = float(text)
        except ValueError:
            return None
        return number if math.isfinite(number) else None

    def canonical(self, text: str) -> str:
        """Returns the one text of all that mean the same; what is no number stays as it is."""
        number = self.parse(text)
        return text if number is None else _number(number)

    def contains(self, text: str) -> bool:
        """Whether a value is one of these."""
        number = self.parse(text)
        if number is None or not float(self.low) <= number <= float(self.high):
            return False
        return self.step is None or self.text(number) == _number(number)

    def read(self, value: Any) -> str | None:
        """Returns the text of a value of JSON; None if it is no number."""
        number = None if isinstance(value, bool) else self.parse(str(value))
        return None if number is None else _number(number)

    def probes(self) -> list[str]:
        """Returns values that must be valid for all to be."""
        return [_number(float(self.low)), _number(float(self.high))]

    def faults(self) -> Iterator[str]:
        """Yields what is wrong with the range."""
        if self.step is None:
            return
        yield from _step_faults("float", self.low, self.high, self.step)
        far = max(abs(self.low), abs(self.high))
        finest = 2 * math.ulp(float(far))  # A finer one is lost when a value is rounded to a float.
        if self.step < finest:
            must = f"must be {finest} at least, for numbers near {_short(far)} to differ"
            yield f"float.step {must}; found {_short(self.step)}"


@dataclass(frozen=True)
class Ints:
    """Whole numbers of a range.

    Args:
        low: The least.
        high: The largest.
        log: Whether their logarithm is what is spread evenly.
        step: Their distance from each other.
    """

    low: int
    high: int
    log: bool
    step: int

    @property
    def size(self) -> int:
        """How many there are."""
        return (self.high - self.low) // self.step + 1

    def at(self, index: int) -> str:
        """Returns the value of an index below `size`."""
        return str(self.low + index * self.step)

    def text(self, drawn: int) -> str:
        """Returns the value that is meant by a number that was drawn."""
        return self.at(min(max(round((drawn - self.low) / self.step), 0), self.size - 1))

    def parse(self, text: str) -> int | None:
        """Returns what a text means, as JSON has it; None if it is no whole number."""
        try:
            number = float(text)
            return int(text) if text.lstrip("+-").isdecimal() else int(number) if number.is_integer() else None
        except (OverflowError, ValueError):
            return None

    def canonical(self, text: str) -> str:
        """Returns the one text of all that mean the same; what is no whole number stays as it is."""
        number = self.parse(text)
        return text if number is None else str(number)

    def contains(self, text: str) -> bool:
        """Whether a value is one of these."""
        number = self.parse(text)
        return number is not None and self.low <= number <= self.high and (number - self.low) % self.step == 0

    def read(self, value: Any) -> str | None:
        """Returns the text of a value of JSON; None if it is no whole number."""
        number = None if isinstance(value, bool) else self.parse(str(value))
        return None if number is None else str(number)

    def probes(self) -> list[str]:
        """Returns values that must be valid for all to be."""
        return [str(self.low), str(self.high)]

    def faults(self) -> Iterator[str]:
        """Yields what is wrong with the range."""
        yield from _step_faults("int", Fraction(self.low), Fraction(self.high), Fraction(self.step))


@dataclass(frozen=True)
class Choice:
    """Values that are listed.

    Args:
        values: They, as JSON writes them, a text without its quotes.
    """

    values: tuple[str, ...]

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.values)

    def at(self, index: int) -> str:
        """Returns the value of an index below `size`."""
        return self.values[index]

    def text(self, drawn: str) -> str:
        """Returns the value that was drawn."""
        return drawn

    def parse(self, text: str) -> Any:
        """Returns what a text means, as JSON has it."""
        return _json(text)

    def canonical(self, text: str) -> str:
        """Returns the one text of all that mean the same; what is none of the values stays as it is."""
        return self._listed.get(_meaning(_json(text)), text)

    def contains(self, text: str) -> bool:
        """Whether a value is one of these."""
        return _meaning(_json(text)) in self._listed

    def read(self, value: Any) -> str | None:
        """Returns the text of a value of JSON; of a long one that is none of the values, what tells it from others."""
        if isinstance(value, str):
            return _short_text(self.canonical(value))
        return self._listed.get(_meaning(value)) or _short_text(json.dumps(value))

    def probes(self) -> list[str]:
        """Returns values that must be valid for all to be."""
        return list(self.values)

    def faults(self) -> Iterator[str]:
        """Yields what is wrong with the values."""
        for value in self.values:
            if (other := self.canonical(value)) != value:
                yield f"values must differ, found {other!r} and {value!r}, which mean the same"

    @cached_property
    def _listed(self) -> dict[str, str]:
        """The values by what they mean."""
        return {_meaning(_json(value)): value for value in reversed(self.values)}


Domain = Floats | Ints | Choice


def domain_of(parameter: Parameter) -> Domain:
    """Returns what a parameter may be."""
    if (floats := parameter.float_) is not None:
        step = None if floats.step is None else Fraction(floats.step)
        return Floats(Fraction(floats.min), Fraction(floats.max), floats.scale == "Log", step)
    if (ints := parameter.int_) is not None:
        return Ints(ints.min, ints.max, ints.scale == "Log", ints.step)
    return Choice(tuple(parameter.values or ()))


def _step_faults(field: str, low: Fraction, high: Fraction, step: Fraction) -> Iterator[str]:
    if beyond := (high - low) % step:
        last = f"{_short(high - beyond)} or {_short(high - beyond + step)}"
        found = f"found {_short(high)} with min {_short(low)} and step {_short(step)}"
        yield f"{field}.max must be min and a number of steps, such as {last}; {found}"


def _short(number: Fraction) -> str:
    return str(number) if number == int(number) else _number(float(number))


def _short_text(text: str) -> str:
    """Returns a text that is no longer than a value may be: a template may have a whole vocabulary there."""
    if len(text) <= _MAX_TEXT:
        return text
    told = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_MAX_SUM]
    return f"{text[: _MAX_TEXT - _MAX_SUM - 1]}…{told}"


def _number(value: float) -> str:
    return repr(value + 0.0)  # there is one zero


def _json(text: str) -> Any:
    try:
        value = json.loads(text, parse_constant=_refuse)
    except ValueError:
        return text
    return text if isinstance(value, float) and not math.isfinite(value) else value


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _meaning(value: Any) -> str:
    """Returns a text that equal values have in common: 1 and 1.0, but not 1 and true."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(float(value))
    return json.dumps(value, sort_keys=True)
