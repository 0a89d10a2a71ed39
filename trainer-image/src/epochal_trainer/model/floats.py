"""Finds the float arguments of Keras classes, so that integers in a spec can be converted.

The API server writes 0.0 as 0, and Keras then computes with integers or fails. Keras has few type annotations, so its
defaults and docstrings are read instead.
"""

import inspect
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

_ENTRY = re.compile(r" *(?P<name>[a-z]\w*): ?(?P<text>.*)")
_FLOAT = re.compile(r"\bfloat(s|ing)?\b", re.IGNORECASE)
_UNSAID: Mapping[str, frozenset[str]] = {
    "FBetaScore": frozenset({"threshold"}),
    # Its docstring has "A list of Python numbers", which should all have the type of the first number.
    "PiecewiseConstantDecay": frozenset({"values"}),
}
"""Float arguments by class that neither the default nor the docstring reveals."""


@cache
def floats(kind: type) -> frozenset[str]:
    """Return the names of a class's arguments that take floats, or lists of floats.

    Args:
        kind: A class of Keras.
    """
    found: set[str] = set()
    for base in kind.__mro__[:-1]:
        found |= _UNSAID.get(base.__name__, frozenset())
        if "__init__" in vars(base):
            parameters = inspect.signature(vars(base)["__init__"]).parameters
            found |= {name for name, parameter in parameters.items() if _holds_float(parameter.default)}
        entries = _entries(vars(base).get("__doc__") or "")
        found |= {name for name, text in entries.items() if _FLOAT.search(text)}
    return frozenset(found)


def as_float(value: Any) -> Any:
    """Return a value with integers converted to floats, also in lists. Booleans and all other values are unchanged."""
    if isinstance(value, list):
        return [as_float(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:  # Keras rejects a number that is too large for a float
            return value
    return value


def _holds_float(default: Any) -> bool:
    return isinstance(default, float) or (isinstance(default, tuple | list) and any(map(_holds_float, default)))


def _entries(docstring: str) -> dict[str, str]:
    """Return each argument's text in a docstring: a line `name: text`, and the lines below with deeper indentation."""
    found: dict[str, str] = {}
    name, depth = "", 0
    for line in inspect.cleandoc(docstring).splitlines():
        indent = len(line) - len(line.lstrip())
        if name and (not line or indent > depth):
            found[name] += f" {line.strip()}"
        elif (entry := _ENTRY.fullmatch(line)) and entry["name"] not in found:
            name, depth = entry["name"], indent
            found[name] = entry["text"]
        else:
            name = ""
    return found
