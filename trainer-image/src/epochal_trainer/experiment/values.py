"""The values of trials, limited to a range that can be drawn."""

import math
from collections.abc import Sequence

MOST = 1e30
"""Largest absolute value that is drawn. A training with larger values has practically diverged."""
_TYPICAL = 0.75
"""Fraction of the values that are always inside the drawn range."""
_REACH = 2.5
"""Multiple of the range of these values up to which other values are inside the drawn range."""
_MARGIN = 0.05


def number(text: str | None) -> float | None:
    """Return a text as a number, or None if it is not a finite number."""
    try:
        found = float(text or "")
    except ValueError:
        return None
    return max(-MOST, min(MOST, found)) if math.isfinite(found) else None


def visible_range(values: Sequence[float], *, maximize: bool) -> tuple[float, float]:
    """Return the range to draw: from the best value to the worst, without a few values that are far worse."""
    ordered = sorted(values, reverse=maximize)
    best, worst = ordered[0], ordered[-1]
    reach = abs(ordered[int(_TYPICAL * (len(ordered) - 1))] - best)
    if 0 < _REACH * reach < abs(worst - best):
        worst = best - _REACH * reach if maximize else best + _REACH * reach
    low, high = min(best, worst), max(best, worst)
    margin = _MARGIN * (high - low) or max(abs(high) * _MARGIN, 1e-6)
    return low - margin, high + margin


def clip(value: float, limits: tuple[float, float]) -> float:
    """Return a value, limited to a range."""
    return min(max(value, limits[0]), limits[1])
