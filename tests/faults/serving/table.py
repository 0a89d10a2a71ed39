"""The outcomes of the faults of servers as a table."""

from collections.abc import Sequence

from tests.bench.figures import Figure
from tests.faults.serving.scenario import Outcome, lost_of

HEAD = (
    "fault",
    "survived",
    "requests",
    "answered",
    "refused by 429",
    "found nobody",
    "lost",
    "longest wait",
    "what was seen",
)


def table(outcomes: Sequence[Outcome]) -> str:
    lines = [HEAD, ("---",) * len(HEAD), *(_cells(outcome) for outcome in outcomes)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _cells(outcome: Outcome) -> tuple[str, ...]:
    asked = outcome.asked
    answered = [request for request in asked if request.answered]
    busy = [request for request in asked if request.status == 429]
    longest = max((item.seconds for item in answered), default=0)
    return (
        outcome.name,
        "no" if outcome.wrong else "yes",
        str(len(asked)),
        str(len(answered)),
        str(len(busy)),
        str(sum(not request.accepted for request in asked)),
        str(len(lost_of(asked)) - len(busy)),
        f"{longest:.2f} s",
        outcome.notes.replace("|", "\\|"),
    )


def goals(outcomes: Sequence[Outcome]) -> list[Figure]:
    """Returns the goals of all faults together, and whether they are met."""
    survived = sum(not outcome.wrong for outcome in outcomes)
    return [
        Figure("faults of servers survived", "", f"{survived} of {len(outcomes)}", "all", survived == len(outcomes))
    ]
