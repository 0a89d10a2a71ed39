"""From a report to the status that it stands for."""

import math

import pytest
from epochal_api.status import Status
from epochal_operator.reported import duration, finished, reported
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.operator.objects import NOW, report


def test_a_report_in_the_middle_of_training() -> None:
    status = reported(report(), NOW).dump()
    assert status == {
        "progress": {
            "attempt": 1,
            "sequence": 5,
            "stage": "Training",
            "epoch": 3,
            "epochs": 10,
            "step": 210,
            "stepsPerEpoch": 700,
            "percent": 33,
            "secondsPerEpoch": "15.21",
            "estimatedCompletionTime": "2026-11-25T12:01:45Z",
            "lastReportTime": "2026-11-25T12:00:00Z",
        },
        "metrics": {"loss": "0.0368123", "val_loss": "0.0436"},
        "best": {"epoch": 2, "metric": "val_loss", "value": "0.0436"},
        "display": {"epoch": "3/10", "metric": "val_loss 0.0436", "eta": "1m45s"},
    }


@pytest.mark.parametrize(
    ("changes", "percent"),
    [
        ({"epoch": 0, "step": 0}, 0),
        ({"epoch": 0, "step": 69}, 0),
        ({"epoch": 0, "step": 70}, 1),
        ({"epoch": 9, "step": 699}, 99),
        ({"epoch": 10, "step": 0}, 100),
        ({"epoch": 3, "stepsPerEpoch": 0}, 30),
        ({"epoch": 4, "stage": "Storing"}, 100),
        ({"epoch": 4, "stage": "Done"}, 100),
        ({"epochs": 0, "stepsPerEpoch": 0}, 0),
    ],
)
def test_percent(changes: dict[str, object], percent: int) -> None:
    progress = reported(report(**changes), NOW).progress
    assert progress is not None
    assert progress.percent == percent


@pytest.mark.parametrize(
    ("metrics", "shown"),
    [
        (None, None),
        ({}, None),
        ({"accuracy": 0.5, "loss": 1.25}, "loss 1.25"),
        ({"loss": 1.25, "val_loss": 123456.7}, "val_loss 1.235e+05"),
        ({"accuracy": 0.98765}, "accuracy 0.9877"),
        ({"loss": math.nan}, "loss nan"),
    ],
)
def test_the_figure_to_watch(metrics: dict[str, float] | None, shown: str | None) -> None:
    display = reported(report(metrics=metrics), NOW).display
    assert display is not None
    assert display.metric == shown


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (59.4, "59s"),
        (59.6, "1m"),
        (105, "1m45s"),
        (3600, "1h"),
        (7380, "2h3m"),
        (86400 * 3 + 3600 * 4, "3d4h"),
        (1e300, "36500d"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_an_estimate_beyond_all_years_is_still_a_date() -> None:
    progress = reported(report(secondsLeft=1e300), NOW).progress
    assert progress is not None
    assert (progress.estimated_completion_time or "")[:2] == "21"


@pytest.mark.parametrize("stage", ["Storing", "Done"])
def test_nothing_is_estimated_once_training_is_over(stage: str) -> None:
    status = reported(report(stage=stage), NOW).dump()
    assert "eta" not in status["display"]
    assert "estimatedCompletionTime" not in status["progress"]


def test_a_finished_job_keeps_all_but_its_estimates() -> None:
    status = reported(report(), NOW)
    expected = status.dump()
    del expected["display"]["eta"], expected["progress"]["estimatedCompletionTime"]
    assert finished(status).dump() == expected


COUNT = st.integers(0, 2**53)
FIGURES = st.none() | st.dictionaries(st.text("abc_ é", min_size=1, max_size=9), st.floats(), max_size=4)


@given(
    epoch=COUNT,
    epochs=COUNT,
    step=COUNT,
    stepsPerEpoch=COUNT,
    secondsPerEpoch=st.none() | st.floats(0, allow_infinity=False),
    secondsLeft=st.none() | st.floats(0, allow_infinity=False),
    metrics=FIGURES,
    test=FIGURES,
)
def test_every_report_fits_into_a_status(**values: object) -> None:
    status = reported(report(**values), NOW)
    assert Status.model_validate(status.dump()) == Status(**dict(status))
    assert status.progress is not None
    assert 0 <= status.progress.percent <= 100
