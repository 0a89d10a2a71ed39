"""The rate of all reports is limited, and the end of an epoch has priority over steps."""

import heapq
import random
from typing import Any

import pytest
from epochal_operator.trainingjob.progress.budget import MAX_DELAY_SECONDS, ReportBudget

from tests.unit.operator.objects import report

WAITING = {"reason": "EndpointUnreachable", "message": "no answer", "since": "2026-11-25T11:00:00Z"}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("seconds", "changes", "is_milestone"),
    [
        (9, {"step": 400}, False),
        (9, {"epoch": 4}, True),
        (9, {"epoch": 2}, False),
        (1, {"epoch": 4}, False),
        (1, {"stage": "Storing"}, True),
        (1, {"attempt": 2}, True),
        (1, {"waiting": WAITING}, True),
    ],
)
def test_news(seconds: float, changes: dict[str, Any], is_milestone: bool) -> None:  # noqa: FBT001
    clock = Clock()
    budget = ReportBudget(50, clock)
    assert budget.is_milestone("pod", report())
    budget.record("pod", report())
    clock.now = seconds
    assert budget.is_milestone("pod", report(**changes)) is is_milestone
    assert budget.is_milestone("another", report(**changes))


def test_half_of_the_burst_is_reserved_for_news() -> None:
    budget = ReportBudget(10, Clock())
    assert [budget.take(is_milestone=False) for _ in range(20)].count(True) == 11
    assert [budget.take(is_milestone=True) for _ in range(20)].count(True) == 9


@pytest.mark.parametrize("per_second", [0.1, 1, 5, 50])
def test_accepted_reports_stay_within_the_rate(per_second: float) -> None:
    clock = Clock()
    budget = ReportBudget(per_second, clock)
    draw = random.Random(7)  # noqa: S311 - a draw
    taken = 0
    for _ in range(5000):
        clock.now += draw.expovariate(3 * per_second)
        taken += budget.take(is_milestone=draw.random() < 0.5)
    assert taken <= max(4.0, 2 * per_second) + per_second * clock.now
    assert taken > 0.9 * per_second * clock.now


@pytest.mark.parametrize(
    ("trainers", "seconds"), [(1, 5), (20, 5), (50, 5), (200, 20), (1000, 100), (6000, MAX_DELAY_SECONDS)]
)
def test_delay_grows_with_the_number_of_trainers(trainers: int, seconds: float) -> None:
    clock = Clock()
    budget = ReportBudget(10, clock)
    draw = random.Random(7)  # noqa: S311 - a draw
    reports = [(draw.uniform(0, 10), number) for number in range(trainers)]
    heapq.heapify(reports)
    end = 6 * seconds
    taken, refused, delay = 0, 0, 0.0
    while reports[0][0] < end:
        clock.now, number = heapq.heappop(reports)
        delay = budget.reserve_slot()
        accepted = budget.take(is_milestone=False)
        if clock.now > end / 2:
            taken, refused = taken + accepted, refused + (not accepted)
        heapq.heappush(reports, (clock.now + delay, number))
    assert taken <= 20 + 10 * end / 2
    assert taken >= 0.8 * min(trainers / 5, 10) * end / 2
    assert delay == pytest.approx(seconds, rel=0.3)
    if trainers <= 1000:
        assert refused <= 0.02 * (taken + refused)
