"""A trainer that is ended in whatever way: the next one goes on, and the result is that of one that was never ended.

One try each of what `make faults` tries more often.
"""

from collections.abc import Iterator

import pytest

from tests.faults.measure import bed, measure, once
from tests.faults.of_operator import GoingOn
from tests.faults.of_trainer import SCENARIOS
from tests.faults.scenario import Tryable
from tests.faults.table import Row

FAULTS: tuple[Tryable, ...] = (*map(once, SCENARIOS), GoingOn(ways=("name",)))


@pytest.fixture(scope="module")
def rows() -> Iterator[dict[str, Row]]:
    with bed("e2e-resume", epochs=10) as where:
        yield {row.name: row for row in measure(FAULTS, where, lanes=3)}


@pytest.mark.parametrize("fault", [scenario.name for scenario in FAULTS])
def test_it_is_survived_without_a_trace(rows: dict[str, Row], fault: str) -> None:
    rows[fault].check()
