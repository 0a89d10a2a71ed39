"""Each mistake in a TrainingJob is found as early as possible, and its hint makes the TrainingJob train."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.kit.admission import Policy, policy
from tests.kit.broken import FINDERS, TABLE, BrokenJob, broken_jobs, to_table
from tests.kit.broken_data import save_data
from tests.unit.broken.finders import find_by_checker, find_by_operator, find_by_schema, find_by_trainer

JOBS = broken_jobs()
Find = Callable[[Mapping[str, Any]], list[str]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    save_data(folder)
    return folder


@pytest.fixture(scope="module")
def policies() -> Iterator[list[Policy]]:
    with Policy(policy("epochal-rules-trainingjobs")) as rules, Policy(policy("epochal-keras")) as keras:
        yield [rules, keras]


@pytest.fixture(scope="module")
def trained() -> set[str]:
    """The specs in which no finder found anything, as JSON."""
    return set()


@pytest.fixture
def finders(policies: list[Policy], data: Path, tmp_path: Path) -> Mapping[str, Find]:
    """The finders in the order in which they see a TrainingJob."""

    def find_by_policy(document: Mapping[str, Any]) -> list[str]:
        reviews = [each.review(document) for each in policies]
        assert [review.failed for review in reviews] == [[], []]
        return [message for review in reviews for message in review.denied]

    found: dict[str, Find] = {
        "schema": find_by_schema,
        "policy": find_by_policy,
        "operator": find_by_operator,
        "checker": find_by_checker,
        "trainer": lambda document: find_by_trainer(document, data, tmp_path),
    }
    assert tuple(found) == FINDERS
    return found


@pytest.mark.parametrize("job", JOBS, ids=str)
def test_the_finder_names_the_hint_and_the_hint_trains(
    job: BrokenJob, finders: Mapping[str, Find], trained: set[str]
) -> None:
    for name, find in finders.items():
        if found := find(job.broken):
            assert (name, job.hint in "\n".join(found)) == (job.finder, True), found
            break
    else:
        pytest.fail("nothing finds the mistake")
    # The trainer builds the network as the checker does. Many mistakes are made in the same job, which trains once.
    others = {name: find for name, find in finders.items() if name != "checker"}
    spec = json.dumps(job.fixed["spec"], sort_keys=True)
    if spec not in trained:
        assert {name: found for name, find in others.items() if (found := find(job.fixed))} == {}
        trained.add(spec)


def test_no_mistake_is_lost() -> None:
    counts = Counter(job.finder for job in JOBS)
    assert len(JOBS) == 181
    assert counts["policy"] >= 60
    assert counts["checker"] >= 30


def test_each_job_has_a_hint_and_its_own_mistake() -> None:
    assert all(job.hint for job in JOBS)
    broken = [str(job.broken["spec"]) for job in JOBS]
    assert len(set(broken)) == len(broken)


def test_the_table_is_generated_from_the_files() -> None:
    assert TABLE.read_text() == to_table(JOBS), "run python -m tests.kit.broken"
