"""The values of trials, as far as they can be drawn."""

import math
from collections.abc import Iterable, Sequence

MOST = 1e30
"""What is larger is drawn as this: a training that has as good as diverged."""
_TYPICAL = 0.75
"""Share of the values that are seen in any case."""
_REACH = 2.5
"""How much further than those others are seen."""
_MARGIN = 0.05


def number(text: str | None) -> float | None:
    """Returns the number that a text is, or None if it is none, or not a finite one.

    Args:
        text: The text.
    """
    try:
        found = float(text or "")
    except ValueError:
        return None
    return max(-MOST, min(MOST, found)) if math.isfinite(found) else None


def view(values: Sequence[float], *, maximize: bool) -> tuple[float, float]:
    """Returns the range that is worth seeing: all from the best on, but not as far as a few that are far worse.

    Args:
        values: The values, at least one.
        maximize: Whether the highest is the best.
    """
    ordered = sorted(values, reverse=maximize)
    best, worst = ordered[0], ordered[-1]
    reach = abs(ordered[int(_TYPICAL * (len(ordered) - 1))] - best)
    if 0 < _REACH * reach < abs(worst - best):
        worst = best - _REACH * reach if maximize else best + _REACH * reach
    low, high = min(best, worst), max(best, worst)
    margin = _MARGIN * (high - low) or max(abs(high) * _MARGIN, 1e-6)
    return low - margin, high + margin


def clipped(value: float, limits: tuple[float, float]) -> float:
    """Returns a value, or the end of a range that it lies beyond."""
    return min(max(value, limits[0]), limits[1])


def best_so_far(values: Iterable[float], *, maximize: bool) -> list[float]:
    """Returns for each value the best one up to it.

    Args:
        values: The values, in order.
        maximize: Whether the highest is the best.
    """
    found: list[float] = []
    for value in values:
        found.append(value if not found else max(found[-1], value) if maximize else min(found[-1], value))
    return found
