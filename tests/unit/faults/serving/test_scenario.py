"""The requests that a server with a fault may lose."""

import pytest

from tests.faults.serving.scenario import Outcome, broken_promises
from tests.faults.serving.table import goals, table
from tests.kit.load import SentRequest

FINE = SentRequest(1.0, 0.01, 200, "digits")
BUSY = SentRequest(1.0, 0.01, 429, again="1")
LOST = SentRequest(1.0, 0.01, error="ServerDisconnectedError: Server disconnected")
NOBODY = SentRequest(1.0, 0.01, error="Connection refused", accepted=False)
HUNG = SentRequest(1.0, 30.0, error="TimeoutError: ")
MIXED = SentRequest(1.0, 0.01, 200)


def test_nothing_is_wrong_where_all_are_answered() -> None:
    assert broken_promises([FINE] * 3) == []


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (LOST, "1 requests were lost, not 0 at most: 1 × ServerDisconnectedError"),
        (BUSY, "1 requests were lost, not 0 at most: 1 × 429"),
        (NOBODY, "1 requests found nobody: 1 × Connection refused"),
        (MIXED, "1 answers are not the model's to what was asked"),
    ],
)
def test_broken_promises_are_listed(asked: SentRequest, words: str) -> None:
    (wrong,) = broken_promises([FINE, asked])
    assert wrong.startswith(words)


def test_a_killed_pod_may_lose_its_requests() -> None:
    assert broken_promises([FINE, LOST, NOBODY], lost=1, nobody=True) == []
    assert len(broken_promises([LOST, LOST, NOBODY], lost=1, nobody=True)) == 1


def test_a_lost_request_needs_an_error() -> None:
    (wrong,) = broken_promises([FINE, HUNG], lost=1)
    assert wrong.startswith("1 requests were lost without a word")


def test_the_table_counts_each_request_once() -> None:
    outcome = Outcome("pods killed", (FINE, FINE, BUSY, LOST, NOBODY), "2 pods")
    assert table([outcome]).splitlines()[2] == "| pods killed | yes | 5 | 2 | 1 | 1 | 1 | 0.01 s | 2 pods |"


def test_a_failed_scenario_misses_the_goal() -> None:
    (figure,) = goals([Outcome("a", notes=""), Outcome("b", wrong=("lost",))])
    assert (figure.measured, figure.met) == ("1 of 2", False)
