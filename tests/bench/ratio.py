"""How much longer one takes than the other, and how sure that is."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import median
from typing import TypeVar

T = TypeVar("T")
Middle = Callable[[Iterable[float]], float]
Rounds = Sequence[Sequence[float]]
"""Seconds, grouped by run. The runs of both sides with the same number ran one after another."""

RESAMPLES = 2000
SURE = 0.95


@dataclass(frozen=True)
class Ratio:
    """How our seconds compare with theirs.

    Args:
        middle: Ratio of the medians of all, or of another middle.
        low: Lower end of its interval.
        high: Upper end of its interval.
        minima: Ratio of the least of all.
    """

    middle: float
    low: float
    high: float
    minima: float

    @classmethod
    def of(cls, ours: Rounds, theirs: Rounds, *, middle: Middle = median) -> "Ratio":
        """Compares two sides with equally many runs.

        The interval is a bootstrap's: it draws rounds, not single values, since what disturbs a machine for a minute
        disturbs a whole run.
        """
        rounds = list(zip(ours, theirs, strict=True))
        low, high = interval(rounds, lambda drawn: _ratio(drawn, middle))
        return cls(
            middle=_ratio(rounds, middle),
            low=low,
            high=high,
            minima=min(chain(*ours)) / min(chain(*theirs)),
        )

    def within(self, goal: float) -> bool:
        """Whether the ratio is surely at most this: not if the goal lies in the interval."""
        return self.high <= goal

    def reaches(self, goal: float) -> bool:
        """Whether the ratio is surely at least this: not if the goal lies in the interval."""
        return self.low >= goal

    def describe_minimum(self, goal: float) -> str:
        """Returns the ratio with its interval, and whether the interval hides that the goal is reached."""
        hidden = ": the spread hides the goal" if self.low < goal <= self.middle else ""
        return f"ratio {self.middle:.3f} ({self.low:.3f}-{self.high:.3f}){hidden}"

    def describe(self, goal: float) -> str:
        """Returns the ratio with its interval, and whether the interval hides that the goal is met."""
        hidden = ": the spread hides the goal" if self.middle <= goal < self.high else ""
        return f"ratio {self.middle:.3f} ({self.low:.3f}-{self.high:.3f}){hidden}"


def interval(rounds: Sequence[T], figure: Callable[[Sequence[T]], float]) -> tuple[float, float]:
    """Returns the 95 % interval of a figure, by a bootstrap with fixed draws."""
    draw = random.Random(0)  # noqa: S311 - no secret
    drawn = sorted(figure(draw.choices(rounds, k=len(rounds))) for _ in range(RESAMPLES))
    left_out = round(RESAMPLES * (1 - SURE) / 2)
    return drawn[left_out], drawn[-1 - left_out]


def _ratio(rounds: Sequence[tuple[Sequence[float], Sequence[float]]], middle: Middle) -> float:
    ours, theirs = zip(*rounds, strict=True)
    return middle(chain(*ours)) / middle(chain(*theirs))
