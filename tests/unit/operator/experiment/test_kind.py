"""The kind Experiment: its sources, its cache, and the changes that enqueue an Experiment."""

import copy
from typing import Any

import pytest
from epochal_operator.experiment.kind import experiments, experiments_of
from epochal_operator.experiment.resources import EXPERIMENTS, TRIALS
from epochal_operator.runtime.api.resource import JOBS, Key
from epochal_operator.runtime.kind import store_for, watched_sources
from epochal_operator.runtime.store import Change, Source
from epochal_operator.trainingjob.resources import TRAINING_JOBS

from tests.unit.operator.experiment.ledger.test_observe import complete, job
from tests.unit.operator.objects import INSTALLATION, KIND

EXPERIMENT = experiments(lambda: INSTALLATION, instance="test")
KEY = Key("vision", "search")


def changed(one: Any, **parts: Any) -> Any:
    made = copy.deepcopy(one)
    for name, part in parts.items():
        made[name] = {**made[name], **part}
    return made


@pytest.mark.parametrize(
    ("before", "after", "wakes"),
    [
        (None, job(), True),
        (job(), None, True),
        (job(state="Queued"), job(state="Running"), True),
        (job(state="Running"), complete(), True),
        (job(), job(uid="again"), True),
        (job(), changed(job(), spec={"suspend": True}), True),
        (job(), changed(job(), metadata={"deletionTimestamp": "2026-11-25T12:00:00Z"}), True),
        (job(state="Running", progress={"epoch": 1}), job(state="Running", progress={"epoch": 2}), False),
        (job(), changed(job(), metadata={"resourceVersion": "9"}), False),
        (changed(job(), metadata={"labels": {}}),
         changed(job(), metadata={"labels": {}}, status={"state": "Failed"}), False),
    ],
)  # fmt: skip
def test_changes_of_a_trial_that_enqueue_its_experiment(before: Any, after: Any, *, wakes: bool) -> None:
    found = experiments_of(Change(TRAINING_JOBS, before, after), store_for([EXPERIMENT]))
    assert set(found) == ({KEY} if wakes else set())


def test_a_moved_trial_enqueues_both_experiments() -> None:
    other = changed(job(), metadata={"labels": {"epochal.dev/experiment": "other"}})
    found = experiments_of(Change(TRAINING_JOBS, job(), other), store_for([EXPERIMENT]))
    assert set(found) == {KEY, Key("vision", "other")}


def test_watched_sources() -> None:
    sources = watched_sources([KIND, EXPERIMENT])
    assert [one for one in sources if one.resource == TRAINING_JOBS] == [Source(TRAINING_JOBS)]
    assert Source(EXPERIMENTS) in sources
    assert Source(JOBS, "epochal.dev/experiment") in sources


def test_the_cache_has_the_fields_of_both_kinds() -> None:
    store, one = store_for([KIND, EXPERIMENT]), complete()
    one["spec"] = {"training": {"epochs": 9}, "suspend": True}
    one["metadata"]["resourceVersion"] = "4"
    store.put(TRAINING_JOBS, one)
    (known,) = store.find(TRIALS, KEY).values()
    assert known["spec"]["suspend"] is True
    assert known["spec"]["training"] == {"epochs": 9, "continueFrom": None}
    assert known["metadata"]["annotations"]["epochal.dev/known"] == "3"
    assert known["status"] == one["status"]
    assert known["metadata"]["ownerReferences"] == one["metadata"]["ownerReferences"]
