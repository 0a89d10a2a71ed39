"""Parses numbers in cells of CSV files, the same for `epochal init` and `epochal predict`."""

import math
import re

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def parse_number(text: str) -> float | None:
    """Return the finite number in a cell, without the spaces around it; None if the cell has no such number.

    The pattern is stricter than `float`, which also accepts `1_000`, `nan` and digits of other scripts.
    """
    text = text.strip(" \t")
    number = float(text) if _NUMBER.fullmatch(text) else math.inf
    return number if math.isfinite(number) else None


def resembles_number(text: str) -> bool:
    """Return whether Python reads the text as a number, as many tools that write CSV do, such as `1_000` or `nan`."""
    try:
        float(text)
    except ValueError:
        return False
    return True
