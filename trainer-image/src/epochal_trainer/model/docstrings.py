"""Reads the descriptions of a class's arguments from Keras' docstrings."""

import inspect
import re

_ENTRY = re.compile(r" *(?P<name>[a-z]\w*): ?(?P<text>.*)")


def constructors(kind: type) -> list[tuple[type, inspect.Signature]]:
    """Return each class that defines `__init__`, of the class and its bases, with the signature of `__init__`."""
    bases = [base for base in kind.__mro__[:-1] if "__init__" in vars(base)]
    return [(base, inspect.signature(vars(base)["__init__"])) for base in bases]


def argument_texts(kind: type) -> dict[str, str]:
    """Return the description of each argument in the docstrings of a class and its bases.

    If several docstrings describe an argument, the docstring of the most derived class counts.
    """
    found: dict[str, str] = {}
    for base in kind.__mro__[:-1]:
        found = _entries(vars(base).get("__doc__") or "") | found
    return found


def _entries(docstring: str) -> dict[str, str]:
    """Return the text of each argument in a docstring: a line `name: text`, and the lines below with deeper indent."""
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
