"""What is made of the operator's answers: how long the reporter waits."""

import itertools
import json

import pytest
from epochal_api.trainingjob.report import ReportResponse
from epochal_trainer.reporting.answers import LONGEST_INTERVAL, Pause, Undelivered, asked_for, back_off


def test_tries_become_rarer_up_to_a_bound() -> None:
    delays = list(itertools.accumulate(range(9), lambda delay, _: back_off(delay), initial=0.0))
    assert delays == [0, 1, 2, 4, 8, 15, 15, 15, 15, 15]


@pytest.mark.parametrize(
    ("said", "pause"),
    [
        ({"message": "applied", "reportAfterSeconds": 20}, Pause(20, 0)),
        ({"message": "applied", "reportAfterSeconds": 20, "epochAfterSeconds": 2}, Pause(20, 2)),
        ({"message": "applied", "reportAfterSeconds": 0.1, "epochAfterSeconds": 9}, Pause(5, 5)),
        ({"message": "applied", "reportAfterSeconds": 1e9, "epochAfterSeconds": 1e9}, Pause(LONGEST_INTERVAL, 900)),
        ({"message": "applied", "reportAfterSeconds": 20, "later": [1]}, Pause(20, 0)),
        ({"message": "applied"}, None),
        ({"message": "applied", "epochAfterSeconds": 9}, None),
        ({"message": "applied", "reportAfterSeconds": -5}, None),
        ({"message": "applied", "reportAfterSeconds": "soon"}, None),
        (["applied"], None),
    ],
)
def test_the_operator_is_asked_how_long(said: object, pause: Pause | None) -> None:
    assert asked_for(json.dumps(said)) == pause


@pytest.mark.parametrize("text", ["", "<html>", '{"message": "appl', "NaN", "[" * 5000])
def test_an_answer_of_somebody_else_asks_for_nothing(text: str) -> None:
    assert asked_for(text) is None


@pytest.mark.parametrize(
    ("text", "retry_after", "pause"),
    [
        ("", "3", Pause(3, 3)),
        ("", "0", Pause(1, 1)),
        ("", "99999999999", Pause(LONGEST_INTERVAL, LONGEST_INTERVAL)),
        ("", None, None),
        ("", "Fri, 31 Dec 1999 23:59:59 GMT", None),
        ("", "٣", Pause(3, 3)),
        (
            ReportResponse(message="", report_after_seconds=60, epoch_after_seconds=0).model_dump_json(),
            "15",
            Pause(60, 0),
        ),
    ],
)
def test_who_is_put_off_waits_as_long_as_is_said(text: str, retry_after: str | None, pause: Pause | None) -> None:
    assert Undelivered(429, text, retry_after).pause == pause


def test_what_an_operator_says_commands_no_terminal() -> None:
    assert str(Undelivered(403, "no\x1b[31m\u202e", None)) == r"HTTP 403 no\x1b[31m\u202e"
