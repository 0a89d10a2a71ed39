"""What came of the faults of servers, as a person reads it."""

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
    """Returns the outcomes as a Markdown table."""
    lines = [HEAD, ("---",) * len(HEAD), *(_cells(outcome) for outcome in outcomes)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _cells(outcome: Outcome) -> tuple[str, ...]:
    asked = outcome.asked
    answered = [one for one in asked if one.answered]
    busy = [one for one in asked if one.status == 429]
    longest = max((one.seconds for one in answered), default=0)
    return (
        outcome.name,
        "no" if outcome.wrong else "yes",
        str(len(asked)),
        str(len(answered)),
        str(len(busy)),
        str(sum(not one.accepted for one in asked)),
        str(len(lost_of(asked)) - len(busy)),
        f"{longest:.2f} s",
        outcome.told.replace("|", "\\|"),
    )


def goals(outcomes: Sequence[Outcome]) -> list[Figure]:
    """Returns what all faults together must reach, and whether they do."""
    survived = sum(not outcome.wrong for outcome in outcomes)
    return [
        Figure("faults of servers survived", "", f"{survived} of {len(outcomes)}", "all", survived == len(outcomes))
    ]
