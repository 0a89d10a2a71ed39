"""A trainer that is ended, or whose storage is away, resumes; its results are those of an undisturbed training.

One try each of what `make faults` tries more often.
"""

from collections.abc import Iterator

import pytest

from tests.faults import storage_faults, trainer_faults
from tests.faults.measure import bed, measure, once
from tests.faults.operator_faults import GoingOn
from tests.faults.scenario import Tryable
from tests.faults.table import Row

STORAGE = ("away before the download", "away during training", "away during the upload", "full during training")
FAULTS: tuple[Tryable, ...] = (
    *(once(scenario) for scenario in trainer_faults.SCENARIOS if not scenario.alone),
    *(once(scenario) for scenario in storage_faults.SCENARIOS if scenario.name.removeprefix("storage ") in STORAGE),
    GoingOn(ways=("name",)),
)


@pytest.fixture(scope="module")
def rows() -> Iterator[dict[str, Row]]:
    with bed("e2e-resume", epochs=10) as where:
        yield {row.name: row for row in measure(FAULTS, where, lanes=3)}


@pytest.mark.timeout(1200)  # the first one tries them all
@pytest.mark.parametrize("fault", [scenario.name for scenario in FAULTS])
def test_the_fault_changes_no_result(rows: dict[str, Row], fault: str) -> None:
    rows[fault].check()
