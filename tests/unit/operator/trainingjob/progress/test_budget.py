"""All reports together stay under a rate, and an epoch's end goes before steps."""

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
    ("seconds", "changes", "news"),
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
def test_news_is_more_than_steps(seconds: float, changes: dict[str, Any], news: bool) -> None:  # noqa: FBT001
    clock = Clock()
    budget = ReportBudget(50, clock)
    assert budget.is_news("pod", report())
    budget.wrote("pod", report())
    clock.now = seconds
    assert budget.is_news("pod", report(**changes)) is news
    assert budget.is_news("another", report(**changes))


def test_steps_leave_half_of_what_may_come_at_once_to_news() -> None:
    budget = ReportBudget(10, Clock())
    assert [budget.take(news=False) for _ in range(20)].count(True) == 11
    assert [budget.take(news=True) for _ in range(20)].count(True) == 9


@pytest.mark.parametrize("per_second", [0.1, 1, 5, 50])
def test_no_more_is_taken_than_the_rate(per_second: float) -> None:
    clock = Clock()
    budget = ReportBudget(per_second, clock)
    draw = random.Random(7)  # noqa: S311 - a draw
    taken = 0
    for _ in range(5000):
        clock.now += draw.expovariate(3 * per_second)
        taken += budget.take(news=draw.random() < 0.5)
    assert taken <= max(4.0, 2 * per_second) + per_second * clock.now
    assert taken > 0.9 * per_second * clock.now


@pytest.mark.parametrize(
    ("trainers", "seconds"), [(1, 5), (100, 5), (250, 5), (1000, 20), (5000, 100), (30_000, MAX_DELAY_SECONDS)]
)
def test_with_more_trainers_each_reports_less_often(trainers: int, seconds: float) -> None:
    clock = Clock()
    budget = ReportBudget(50, clock)
    draw = random.Random(7)  # noqa: S311 - a draw
    due = [(draw.uniform(0, 10), number) for number in range(trainers)]
    heapq.heapify(due)
    end = 6 * seconds
    taken, refused, told = 0, 0, 0.0
    while due[0][0] < end:
        clock.now, number = heapq.heappop(due)
        told = budget.next()
        done = budget.take(news=False)
        if clock.now > end / 2:
            taken, refused = taken + done, refused + (not done)
        heapq.heappush(due, (clock.now + told, number))
    assert taken <= 100 + 50 * end / 2
    assert taken >= 0.8 * min(trainers / 5, 50) * end / 2
    assert told == pytest.approx(seconds, rel=0.3)
    if trainers <= 5000:
        assert refused <= 0.02 * (taken + refused)
