"""The lines of the results."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Figure:
    """One line of the results.

    Args:
        beside: What it was measured beside.
        measured: The figure, with its unit.
        goal: What it should be; empty for what is only told.
    """

    what: str
    beside: str
    measured: str
    goal: str = ""
    met: bool = True

    def line(self) -> str:
        """Returns the line of the table."""
        met = ("yes" if self.met else "no") if self.goal else ""
        return f"| {self.what} | {self.beside} | {self.measured} | {self.goal} | {met} |"


def measure_rows(rows: Iterable[str], measure: Callable[[str], list[Figure]]) -> list[Figure]:
    """Measures rows one after the other, and prints the figures of each as it ends."""
    figures: list[Figure] = []
    for row in rows:
        print(f"{row} ...", flush=True)
        measured = measure(row)
        for figure in measured:
            print(f"  {figure.what}: {figure.measured}", flush=True)
        figures += measured
    return figures


def percentile(values: list[float], share: float) -> float:
    """Returns the smallest value that at least this share of the values does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def spread(values: list[float], unit: str = "s") -> str:
    """Returns median, least and greatest, such as `1.52 s (1.40-1.71, n=10)`."""
    return f"{median(values):.3g} {unit} ({min(values):.3g}-{max(values):.3g}, n={len(values)})"


def table(figures: list[Figure]) -> str:
    head = ["| what | beside | measured | goal | met |", "|---|---|---|---|---|"]
    return "\n".join([*head, *(figure.line() for figure in figures)]) + "\n"
