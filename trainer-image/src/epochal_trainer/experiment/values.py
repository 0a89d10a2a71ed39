"""Converts the values of trials to numbers, and limits the range of values that a figure shows."""

import math
from collections.abc import Sequence

MOST = 1e30
"""Maximum absolute value of a number. Larger values, of trainings that have practically diverged, are reduced to it."""
_TYPICAL = 0.75
"""Fraction of the values, from the best value on, that are always inside the drawn range."""
_REACH = 2.5
"""Maximum length of the drawn range, as a multiple of the range of the best _TYPICAL values."""
_MARGIN = 0.05


def number(text: str | None) -> float | None:
    """Return a text as a number between -MOST and MOST, or None if the text is not a finite number."""
    try:
        found = float(text or "")
    except ValueError:
        return None
    return max(-MOST, min(MOST, found)) if math.isfinite(found) else None


def visible_range(values: Sequence[float], *, maximize: bool) -> tuple[float, float]:
    """Return lower and upper limit of the range to draw: from the best to the worst value, plus a margin.

    Values that are far worse than most others are outside the range, see _REACH.
    """
    ordered = sorted(values, reverse=maximize)
    best, worst = ordered[0], ordered[-1]
    reach = abs(ordered[int(_TYPICAL * (len(ordered) - 1))] - best)
    if 0 < _REACH * reach < abs(worst - best):
        worst = best - _REACH * reach if maximize else best + _REACH * reach
    low, high = min(best, worst), max(best, worst)
    margin = _MARGIN * (high - low) or max(abs(high) * _MARGIN, 1e-6)
    return low - margin, high + margin


def clip(value: float, limits: tuple[float, float]) -> float:
    """Return a value, or the nearest limit if the value is outside the limits."""
    return min(max(value, limits[0]), limits[1])
