"""Converts values of old files: numbers as texts, "null", and values in the notation of other tools."""

import math
from collections.abc import Mapping
from typing import Any

from epochal_api.catalogue.classes import Argument, catalogue
from epochal_api.catalogue.objects import EXPECTED, NAMED

_NOTHING = frozenset({"", "null", "none", "nil", "undefined", "nan"})
_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})
_MAX_NUMBER = 40
"""Maximum characters of a text that is parsed as a number. A longer text is no number."""
_SCALARS = frozenset({"integer", "number"})
_PAIRS = frozenset({"factor", "kernel_size"})
"""Arguments that Keras documents as one number, but may store as a pair: the range of a factor, the size of a blur."""
_INITIALIZERS: Mapping[str, str] = {
    "constant": "zeros",
    "gaussian": "random_normal",
    "msra": "he_normal",
    "msrafiller": "he_normal",
    "random_gaussian": "random_normal",
    "xavier": "glorot_uniform",
    "xavier_normal": "glorot_normal",
    "xavier_uniform": "glorot_uniform",
}
"""Names of initializers in other tools, and the Keras initializer with the same effect."""
_CONSTRAINTS: Mapping[str, str] = {"maxnorm": "max_norm", "nonneg": "non_neg", "unitnorm": "unit_norm"}


class WrongValue(ValueError):
    """Raised if an argument does not accept a value. The message describes the expected value, such as "a number"."""


def is_nothing(value: Any) -> bool:
    """Return whether a value of an old file means "not set": None, or a text such as "null" or "none"."""
    return value is None or (isinstance(value, str) and value.strip().lower() in _NOTHING)


def number(value: Any) -> float | int | None:
    """Return a value as a finite number, also for a text such as "1". Return None for other values and for booleans."""
    if isinstance(value, str):
        text = value.strip()
        if len(text) > _MAX_NUMBER or "_" in text:
            return None
        try:
            return int(text)
        except ValueError:
            pass
        try:
            value = float(text)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:  # JSON has integers that are larger than any float.
        return None


def integer(value: Any) -> int | None:
    """Return a value as an integer, also for "1" and 1.0. Return None for other values."""
    found = number(value)
    if found is None or found != int(found) or abs(found) >= 2**53:
        return None
    return int(found)


def boolean(value: Any) -> bool | None:
    """Return a value as a boolean, also for 0, "1" and "true". Return None for other values."""
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower() if isinstance(value, str | int) else ""
    return True if text in _TRUE else False if text in _FALSE else None


def coerce(name: str, argument: Argument, value: Any) -> Any:
    """Convert a value of an old file to the type of a Keras argument.

    Raises:
        WrongValue: If the argument does not accept the value.
    """
    kind = argument.type
    if isinstance(value, list) and (kind in {"integers", "numbers"} or (kind in _SCALARS and name in _PAIRS)):
        return [_numbers(kind, each) for each in value]
    if kind in {"integer", "number", "integers", "numbers", "boolean"}:
        found = boolean(value) if kind == "boolean" else _scalar(kind, value)
        if found is None and argument.loose:
            return value
        return _require(kind, found)
    if kind is not None and kind in NAMED:
        return _named(kind, value)
    if isinstance(value, str) and name in {"padding", "data_format", "mode", "interpolation"}:
        return value.strip().lower()
    return value


def _numbers(kind: str, value: Any) -> Any:
    """Convert an item of a list argument: a number, or the numbers for one axis, such as [1, 2] in a padding."""
    if isinstance(value, list):
        return [_require(kind, _scalar(kind, each)) for each in value]
    return _require(kind, _scalar(kind, value))


def _scalar(kind: str, value: Any) -> float | int | None:
    return integer(value) if kind.startswith("integer") else number(value)


def _require(kind: str, value: Any) -> Any:
    if value is None:
        raise WrongValue(EXPECTED.get(kind, "a number"))
    return value


def _named(kind: str, value: Any) -> Any:
    """Convert an activation, an initializer, a regularizer or a constraint to the notation of a TrainingJob."""
    module = NAMED[kind]
    content = catalogue().modules[module]
    if isinstance(value, str):
        text = value.strip()
        text = text if text in content.names or text in content.classes else text.lower()
        text = {**_INITIALIZERS, **_CONSTRAINTS}.get(text, text)
        if text not in content.names and text not in content.classes:
            raise WrongValue(f"a name of {module}")
        return text
    if not isinstance(value, Mapping):
        raise WrongValue(f"a name of {module}, or a mapping")
    name = value.get("name")
    if kind == "regularizer" and not set(value) - {"name", "l1", "l2"}:
        return _regularizer(value)
    if isinstance(name, str) and (found := content.find(name)) is not None:
        if unknown := next((key for key in value if key != "name" and key not in found.arguments), None):
            raise WrongValue(f"a mapping without {unknown[:_MAX_NUMBER]}, which is no argument of {name}")
        return {key: each if key == "name" else coerce(key, found.arguments[key], each) for key, each in value.items()}
    if kind == "constraint":
        return _constraint(value)
    if not isinstance(name, str) or len(value) > 1:
        raise WrongValue(f"a mapping with a name of {module}")
    return _named(kind, name)


def _regularizer(value: Mapping[str, Any]) -> Any:
    """Convert the factors l1 and l2 of a regularizer to an object L1, L2 or L1L2. Return None if both are zero."""
    others = set(value) - {"name", "l1", "l2"}
    factors = {key: number(value[key]) for key in ("l1", "l2") if not is_nothing(value.get(key))}
    if others or not factors or None in factors.values():
        raise WrongValue("a regularizer with the factors l1 and l2")
    factors = {key: factor for key, factor in factors.items() if factor}
    if not factors:
        return None
    return {"name": "L1L2" if len(factors) > 1 else next(iter(factors)).upper(), **factors}


def _constraint(value: Mapping[str, Any]) -> Any:
    name = str(value.get("name", "")).lower().replace("_", "")
    if name == "maxnorm" and (limit := number(value.get("max_value", value.get("m", 2)))) is not None:
        return {"name": "MaxNorm", "max_value": limit}
    if name in {"nonneg", "unitnorm"}:
        return _CONSTRAINTS[name]
    raise WrongValue("a constraint: MaxNorm, NonNeg or UnitNorm")
