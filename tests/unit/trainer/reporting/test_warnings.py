import logging
from collections.abc import Iterator, Sequence

import pytest
from epochal_api.trainingjob.report import TrainingWarning
from epochal_trainer.lib.failures import warned
from epochal_trainer.reporting.warnings import Warnings

ONE, AGAIN, OTHER = warned("ChanceLevel", "one"), warned("ChanceLevel", "again"), warned("SingleClass", "other")


@pytest.fixture
def told() -> list[Sequence[TrainingWarning]]:
    return []


def test_each_reason_is_told_once(told: list[Sequence[TrainingWarning]], caplog: pytest.LogCaptureFixture) -> None:
    warnings = Warnings(told.append)
    for found in ([], [ONE], [AGAIN], [OTHER, ONE], []):
        warnings.take(lambda found=found: found)  # type: ignore[misc]
    assert told == [[ONE], [ONE, OTHER]]
    assert caplog.messages == ["Warning, ChanceLevel: one", "Warning, SingleClass: other"]
    assert warnings.dump() == [
        {"reason": "ChanceLevel", "message": "one"},
        {"reason": "SingleClass", "message": "other"},
    ]


def test_what_goes_wrong_in_a_check_ends_nothing(
    told: list[Sequence[TrainingWarning]], caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> Iterator[TrainingWarning]:
        yield ONE
        raise ZeroDivisionError

    warnings = Warnings(told.append)
    with caplog.at_level(logging.WARNING):
        warnings.take(broken)
    assert (told, warnings.dump()) == ([], [])
    assert "A check that only warns has failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text
