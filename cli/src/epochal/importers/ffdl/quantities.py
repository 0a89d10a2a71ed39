"""Quantities of memory in a manifest of FfDL, as quantities of Kubernetes."""

import re
from decimal import Decimal
from typing import Any

_QUANTITY = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([kmgtp]?)(i?)b?", re.IGNORECASE | re.ASCII)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


def quantity(value: Any) -> str | None:
    """Return an amount of memory as a quantity of Kubernetes, or None if it is none.

    8Gi and 8GiB are 8 * 2**30 bytes, 8GB and 8G are 8 * 10**9 bytes, and a number without a unit is in bytes.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    match = _QUANTITY.fullmatch(str(value).strip())
    if match is None:
        return None
    number, letter, is_binary = Decimal(match[1]), match[2].lower(), bool(match[3])
    if is_binary and not letter:
        return None
    power = _POWERS[letter]
    while number != int(number) and power:
        number, power = number * (1024 if is_binary else 1000), power - 1
    if number != int(number) or number <= 0:
        return None
    unit = "" if not power else f"{'KMGTP'[power - 1]}i" if is_binary else "kMGTP"[power - 1]
    return f"{int(number)}{unit}"
