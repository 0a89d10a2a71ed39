"""What is seen of a TrainingJob: what stands in its way, and what it lacks."""

from typing import Any

import pytest
from epochal_operator.observed import Observed, lacks_pods, obstacle_of

from tests.unit.operator.objects import UID, at, child, running, seen, training_job, true


@pytest.mark.parametrize(
    ("owners", "reason"),
    [
        ([{"kind": "TrainingJob", "apiVersion": "epochal.dev/v1alpha1", "name": "digits", "uid": UID}], None),
        ([{"kind": "TrainingJob", "apiVersion": "epochal.dev/v1alpha1", "name": "digits", "uid": "old"}], "Cleanup"),
        ([{"kind": "CronJob", "apiVersion": "batch/v1", "name": "digits", "uid": "x"}], "NameConflict"),
        ([], "NameConflict"),
    ],
)
def test_what_a_job_of_the_same_name_means(owners: list[dict[str, Any]], reason: str | None) -> None:
    existing = child()
    existing["metadata"]["ownerReferences"] = [owner | {"controller": True} for owner in owners]
    found = obstacle_of(existing, UID)
    assert (found.reason if found else None) == reason


BEGUN: dict[str, Any] = {"startTime": at(-9)}


@pytest.mark.parametrize(
    ("observed", "seconds"),
    [
        (seen(), None),
        (seen(child()), None),
        (seen(child(**BEGUN)), 9),
        (seen(child(**BEGUN), running()), None),
        (seen(child(training_job(suspend=True), **BEGUN)), None),
        (seen(child(**BEGUN, conditions=[true("Complete")])), None),
        (seen(child(**BEGUN, conditions=[true("Failed")])), None),
    ],
)
def test_how_long_a_job_has_lacked_a_pod(observed: Observed, seconds: float | None) -> None:
    assert lacks_pods(observed) == seconds
