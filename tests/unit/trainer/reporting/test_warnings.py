import logging
from collections.abc import Iterator, Sequence

import pytest
from epochal_api.trainingjob.report import TrainingWarning
from epochal_api.trainingjob.status import MAX_WARNINGS
from epochal_trainer.lib.failures import training_warning
from epochal_trainer.reporting.warnings import Warnings

ONE, AGAIN, OTHER = (
    training_warning("ChanceLevel", "one"),
    training_warning("ChanceLevel", "again"),
    training_warning("SingleClass", "other"),
)


@pytest.fixture
def reported() -> list[Sequence[TrainingWarning]]:
    return []


def test_each_reason_is_reported_once(
    reported: list[Sequence[TrainingWarning]], caplog: pytest.LogCaptureFixture
) -> None:
    warnings = Warnings(reported.append)
    for found in ([], [ONE], [AGAIN], [OTHER, ONE], []):
        warnings.run_check(lambda found=found: found)  # type: ignore[misc]
    assert reported == [[ONE], [ONE, OTHER]]
    assert caplog.messages == ["Warning, ChanceLevel: one", "Warning, SingleClass: other"]
    assert warnings.dump() == [
        {"reason": "ChanceLevel", "message": "one"},
        {"reason": "SingleClass", "message": "other"},
    ]


def test_a_report_has_as_many_warnings_as_the_operator_takes(reported: list[Sequence[TrainingWarning]]) -> None:
    warnings = Warnings(reported.append)
    warnings.run_check(lambda: [training_warning(f"Reason{number}", "one") for number in range(MAX_WARNINGS + 1)])
    assert len(reported[-1]) == MAX_WARNINGS
    assert len(warnings.dump()) == MAX_WARNINGS + 1


def test_an_error_in_a_check_is_logged(
    reported: list[Sequence[TrainingWarning]], caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> Iterator[TrainingWarning]:
        yield ONE
        raise ZeroDivisionError

    warnings = Warnings(reported.append)
    with caplog.at_level(logging.WARNING):
        warnings.run_check(broken)
    assert (reported, warnings.dump()) == ([], [])
    assert "An optional check failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text
