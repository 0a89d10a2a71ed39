"""The outcomes of scenarios as a table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.figures import Figure
from tests.faults.disturbed_training import EVERY_SECONDS, STORING_SECONDS, Cost
from tests.faults.scenario import Outcome

KILL, TERM = "SIGKILL of the trainer", "SIGTERM of the trainer"
KILLS = (KILL, TERM)
SEEN_SECONDS = 0.1
"""Resolution: trainers are observed 20 times a second."""


@dataclass(frozen=True)
class Row:
    name: str
    outcomes: tuple[Outcome, ...]

    @property
    def costs(self) -> list[Cost]:
        """The cost of each disturbance after which the training continued."""
        return [cost for outcome in self.outcomes for cost in outcome.costs]

    @property
    def tried(self) -> int:
        return sum(outcome.times for outcome in self.outcomes)

    @property
    def survived(self) -> int:
        return sum(outcome.times for outcome in self.outcomes if outcome.survived)

    @property
    def compared(self) -> list[Outcome]:
        """The outcomes that count among the identical or the different ones."""
        return [outcome for outcome in self.outcomes if outcome.is_compared]

    @property
    def identical(self) -> bool:
        return all(outcome.identical for outcome in self.compared)

    def check(self) -> None:
        """Raises an AssertionError with the broken promises and the differences, if there are any."""
        wrong = [text for outcome in self.outcomes for text in (*outcome.wrong, *(outcome.differences or ()))]
        assert not wrong, "\n".join([self.name, *wrong, *(outcome.traceback_text for outcome in self.outcomes)])
        assert self.compared, f"{self.name}: there are no results to compare"

    def cells(self) -> list[str]:
        return [
            self.name,
            str(self.tried),
            str(self.survived),
            seconds(cost.until for cost in self.costs),
            seconds(cost.waiting for cost in self.costs),
            seconds(cost.starting for cost in self.costs),
            steps(cost.repeated for cost in self.costs),
            ("yes" if self.identical else "no") if self.compared else "",
        ]


HEAD = (
    "fault",
    "tried",
    "survived",
    "seconds until training goes on",
    "of which Kubernetes waits",
    "container's start to first step",
    "steps repeated",
    "weights identical",
)


def table(rows: Sequence[Row]) -> str:
    lines = [HEAD, ("---",) * len(HEAD), *(row.cells() for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def seconds(values: Iterable[float | None]) -> str:
    """Returns the median and the range of seconds; empty if there are none."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    if max(known) < SEEN_SECONDS:
        return "0"
    return f"{median(known):.1f}" + (f" ({min(known):.1f}-{max(known):.1f})" if len(known) > 1 else "")


def steps(values: Iterable[int]) -> str:
    """Returns the range of counts."""
    known = sorted(values)
    if not known:
        return ""
    return str(known[0]) if known[0] == known[-1] else f"{known[0]}-{known[-1]}"


def goals(rows: Sequence[Row]) -> list[Figure]:
    """Returns the goals of all scenarios together, and whether they are met."""
    tried, survived = sum(row.tried for row in rows), sum(row.survived for row in rows)
    outcomes = [outcome for row in rows for outcome in row.compared]
    identical = sum(outcome.identical for outcome in outcomes)
    starts = [cost.starting for row in rows if row.name in KILLS for cost in row.costs if cost.starting]
    back = [cost.thrown_back for row in rows for cost in row.costs]
    repeated = [cost.repeated for row in rows if row.name == TERM for cost in row.costs]
    figures = [
        Figure("faults survived", "", f"{survived} of {tried}", "all", survived == tried),
        Figure(
            "trainings with the weights of an undisturbed one",
            "",
            f"{identical} of {len(outcomes)}",
            "all",
            identical == len(outcomes),
        ),
    ]
    if starts:
        figures.append(
            Figure(
                "a killed trainer steps again, from its new container's start",
                "FfDL's learner: 10-20 s",
                f"{seconds(starts)} s, n={len(starts)}",
                "within 10 s",
                max(starts) <= 10,
            )
        )
    if back:
        limit = EVERY_SECONDS + STORING_SECONDS
        figures.append(
            Figure(
                f"time that is trained again; a checkpoint every {EVERY_SECONDS} s",
                "",
                f"{max(back):.1f} s at most, n={len(back)}",
                f"one interval and a checkpoint's own time: {limit} s",
                max(back) <= limit,
            )
        )
    if repeated:
        figures.append(
            Figure(
                "steps repeated after SIGTERM", "", f"{max(repeated)}, n={len(repeated)}", "none", max(repeated) == 0
            )
        )
    return figures
