"""Which arguments of Keras are floats: the API server writes 0.0 as 0, and Keras computes with integers then, or fails.

Keras' annotations say next to nothing; its defaults and docstrings do.
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
    # "A list of Python numbers", of which all should have the type of the first.
    "PiecewiseConstantDecay": frozenset({"values"}),
}
"""Arguments by class of which neither default nor docstring says it."""


@cache
def floats(kind: type) -> frozenset[str]:
    """Returns the names of the arguments of a class that take floats, or lists of them.

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
    """Returns a value with its integers as floats, also those in lists; all else, truth values too, as it is."""
    if isinstance(value, list):
        return [as_float(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:  # a number that is too large for a float is for Keras to refuse
            return value
    return value


def _holds_float(default: Any) -> bool:
    return isinstance(default, float) or (isinstance(default, tuple | list) and any(map(_holds_float, default)))


def _entries(docstring: str) -> dict[str, str]:
    """Returns what a docstring says of each argument: a line `name: text`, and those below it that stand further in."""
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
