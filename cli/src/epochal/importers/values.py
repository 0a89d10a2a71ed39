"""Values of old files: numbers as texts, "null", and values in the notation of other tools."""

import math
from collections.abc import Mapping
from typing import Any

from epochal_api.catalogue.classes import Argument, catalogue
from epochal_api.catalogue.objects import EXPECTED, NAMED

_NOTHING = frozenset({"", "null", "none", "nil", "undefined", "nan"})
_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})
_MAX_NUMBER = 40
"""Maximum characters of a number in a text."""
_SCALARS = frozenset({"integer", "number"})
_PAIRS = frozenset({"factor", "kernel_size"})
"""Arguments that Keras describes as a number, and stores as a pair: the range of a factor, the size of a blur."""
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
"""Initializers of other tools, and those of Keras with the same effect."""
_CONSTRAINTS: Mapping[str, str] = {"maxnorm": "max_norm", "nonneg": "non_neg", "unitnorm": "unit_norm"}


class WrongValue(ValueError):
    """A value that an argument cannot have. The message is the expected value."""


def is_nothing(value: Any) -> bool:
    """Return whether a value of an old file means that no value is set, such as "null"."""
    return value is None or (isinstance(value, str) and value.strip().lower() in _NOTHING)


def number(value: Any) -> float | int | None:
    """Return a number, also from a text such as "1"; None for another value. A boolean is no number."""
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
    """Return an integer, also from "1" and 1.0; None for another value."""
    found = number(value)
    if found is None or found != int(found) or abs(found) >= 2**53:
        return None
    return int(found)


def boolean(value: Any) -> bool | None:
    """Return a truth value, also from 0, "1" and "true"; None for another value."""
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower() if isinstance(value, str | int) else ""
    return True if text in _TRUE else False if text in _FALSE else None


def coerce(name: str, argument: Argument, value: Any) -> Any:
    """Return the value of an old file as the value of an argument of Keras.

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
    """Return an item of a list of numbers: a number, or the numbers of an axis, such as [1, 2] in a padding."""
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
    """Return an activation, an initializer, a regularizer or a constraint in the notation of a TrainingJob."""
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
            raise WrongValue(f"a mapping without {unknown[:_MAX_NUMBER]}, which {name} does not have")
        return {key: each if key == "name" else coerce(key, found.arguments[key], each) for key, each in value.items()}
    if kind == "constraint":
        return _constraint(value)
    if not isinstance(name, str) or len(value) > 1:
        raise WrongValue(f"a mapping with a name of {module}")
    return _named(kind, name)


def _regularizer(value: Mapping[str, Any]) -> Any:
    """Return the penalties of a regularizer, such as {l1: 0, l2: 0.01}; None if they are zero."""
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
