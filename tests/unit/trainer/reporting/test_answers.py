import itertools
import json

import pytest
from epochal_api.trainingjob.report import ReportResponse
from epochal_trainer.reporting.answers import LONGEST_INTERVAL, Pause, ReportRejected, back_off, requested_pause


def test_delays_grow_up_to_the_limit() -> None:
    delays = list(itertools.accumulate(range(9), lambda delay, _: back_off(delay), initial=0.0))
    assert delays == [0, 1, 2, 4, 8, 15, 15, 15, 15, 15]


@pytest.mark.parametrize(
    ("answer", "pause"),
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
def test_the_operator_sets_the_interval(answer: object, pause: Pause | None) -> None:
    assert requested_pause(json.dumps(answer)) == pause


@pytest.mark.parametrize("text", ["", "<html>", '{"message": "appl', "NaN", "[" * 5000])
def test_the_response_of_a_proxy_sets_no_interval(text: str) -> None:
    assert requested_pause(text) is None


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
def test_retry_after_sets_the_pause(text: str, retry_after: str | None, pause: Pause | None) -> None:
    assert ReportRejected(429, text, retry_after).pause == pause


def test_control_characters_in_a_response_are_escaped() -> None:
    assert str(ReportRejected(403, "no\x1b[31m\u202e", None)) == r"HTTP 403 no\x1b[31m\u202e"
