"""The lines of the results."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Figure:
    """A row of the results.

    Args:
        name: What was measured.
        baseline: The result of the baseline; empty without one.
        measured: The result, with its unit.
        goal: The value that the result should reach; empty for a result that is only reported.
        met: Whether the result reaches the goal.
    """

    name: str
    baseline: str
    measured: str
    goal: str = ""
    met: bool = True

    def line(self) -> str:
        """Returns the line of the table."""
        met = ("yes" if self.met else "no") if self.goal else ""
        return f"| {self.name} | {self.baseline} | {self.measured} | {self.goal} | {met} |"


def measure_rows(rows: Iterable[str], measure: Callable[[str], list[Figure]]) -> list[Figure]:
    """Measures rows one after the other, and prints the figures of each as it ends."""
    figures: list[Figure] = []
    for row in rows:
        print(f"{row} ...", flush=True)
        measured = measure(row)
        for figure in measured:
            print(f"  {figure.name}: {figure.measured}", flush=True)
        figures += measured
    return figures


def percentile(values: list[float], share: float) -> float:
    """Returns the smallest value that at least this share of the values does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def spread(values: list[float], unit: str = "s") -> str:
    """Returns median, least and greatest, such as `1.52 s (1.40-1.71, n=10)`."""
    return f"{median(values):.3g} {unit} ({min(values):.3g}-{max(values):.3g}, n={len(values)})"


def table(figures: list[Figure]) -> str:
    head = ["| measurement | baseline | result | goal | met |", "|---|---|---|---|---|"]
    return "\n".join([*head, *(figure.line() for figure in figures)]) + "\n"
