"""Where a ModelServer is, by what is seen of it."""

from dataclasses import replace
from typing import Any

import pytest
from epochal_api.modelserver.status import ServedModel
from epochal_operator.modelserver import cache_transform
from epochal_operator.modelserver.observed import ModelMetadata
from epochal_operator.modelserver.phase import PodCounts, blocked_phase, describe, phase, pod_counts
from epochal_operator.modelserver.reasons import Reason, StatusCause

from tests.unit.operator.modelserver.servers import (
    MODEL,
    SHA,
    URI,
    blocked,
    container,
    done,
    ended,
    live,
    pod,
    seen,
    server,
    words,
)
from tests.unit.operator.objects import NO_SUCH_LABELS, at

WAITS = StatusCause(Reason.WAITS_FOR_TRAINING_JOB, "The TrainingJob mnist is Running.")
FAILED = StatusCause(Reason.TRAINING_JOB_FAILED, "The TrainingJob mnist has failed.")
TAKEN = StatusCause(Reason.NAME_CONFLICT, "taken")
UNPULLED = pod(containerStatuses=[container(waiting={"reason": "ImagePullBackOff", "message": "no such image"})])
BROKEN = pod(containerStatuses=[ended(words("ModelDamaged", "another file"))])
UNSCHEDULED = pod(conditions=[{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no"}])
EARLY, OVERDUE, NOWHERE = (
    pod(conditions=[
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": said,
         "lastTransitionTime": at(since)}
    ])
    for said, since in (("no GPU", -599), ("no GPU", -600), (NO_SUCH_LABELS, -5))
)  # fmt: skip
LATE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}
QUOTA = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}
PAUSED = server(paused=True)


@pytest.mark.parametrize(
    ("observed", "state", "progress", "ready"),
    [
        (seen(None), "Starting", "Creating", "Starting"),
        (seen(live()), "Starting", "RollingOut", "Starting"),
        (seen(live(**done())), "Ready", "RolledOut", "Serving"),
        (seen(live(generation=2, **done()) | {"status": {"observedGeneration": 1, **done()}}),
         "Updating", "RollingOut", "Serving"),
        (seen(live(replicas=2, readyReplicas=1, updatedReplicas=1)), "Updating", "RollingOut", "Serving"),
        (seen(live(replicas=1, updatedReplicas=1), BROKEN), "Failed", "ModelDamaged", "ModelDamaged"),
        (seen(live(replicas=2, readyReplicas=1, updatedReplicas=1), BROKEN), "Degraded", "ModelDamaged", "Serving"),
        (seen(live(replicas=1, updatedReplicas=1), UNSCHEDULED), "Starting", "Unschedulable", "Unschedulable"),
        (seen(live(replicas=2, readyReplicas=1, updatedReplicas=1), UNSCHEDULED),
         "Updating", "Unschedulable", "Serving"),
        (seen(live(replicas=1, updatedReplicas=1, conditions=[LATE])),
         "Failed", "ProgressDeadlineExceeded", "ProgressDeadlineExceeded"),
        (seen(live(replicas=1, updatedReplicas=1), EARLY), "Starting", "Unschedulable", "Unschedulable"),
        (seen(live(replicas=1, updatedReplicas=1), OVERDUE),
         "Failed", "ProgressDeadlineExceeded", "ProgressDeadlineExceeded"),
        (seen(live(replicas=2, readyReplicas=1, updatedReplicas=1, conditions=[LATE]), UNSCHEDULED),
         "Degraded", "ProgressDeadlineExceeded", "Serving"),
        (seen(live(replicas=1, updatedReplicas=1, conditions=[LATE]), BROKEN),
         "Failed", "ModelDamaged", "ModelDamaged"),
        (seen(live(replicas=1, updatedReplicas=1), NOWHERE), "Failed", "NoMatchingNode", "NoMatchingNode"),
        (seen(live(conditions=[QUOTA])), "Failed", "PodRefused", "PodRefused"),
        (seen(live(**done(), conditions=[QUOTA, LATE])), "Ready", "RolledOut", "Serving"),
        (blocked(seen(live(**done())), TAKEN), "Degraded", "NameConflict", "Serving"),
        (blocked(seen(live()), TAKEN), "Failed", "NameConflict", "NameConflict"),
        (blocked(seen(None), StatusCause(Reason.CLEANUP, "gone soon")), "Starting", "Cleanup", "Cleanup"),
    ],
)  # fmt: skip
def test_where_it_is(observed: Any, state: str, progress: str, ready: str) -> None:
    found = phase(server(), MODEL, None, observed)
    assert (found.state, found.progress.reason, found.ready.reason) == (state, progress, ready)


@pytest.mark.parametrize(
    ("waits", "observed", "stalled", "reconciling"),
    [
        (None, seen(None), False, True),
        (None, seen(live(replicas=2, readyReplicas=1, updatedReplicas=1)), False, True),
        (None, seen(live(**done())), False, False),
        (WAITS, seen(live(**done())), False, True),
        (FAILED, seen(live(**done())), True, False),
        (None, seen(live(replicas=1, updatedReplicas=1), UNPULLED), False, True),
        (None, seen(live(replicas=1, updatedReplicas=1, conditions=[LATE]), UNPULLED), True, False),
        (None, seen(live(conditions=[QUOTA, LATE])), True, False),
        (None, seen(live(replicas=1, updatedReplicas=1), NOWHERE), False, True),
        (None, seen(live(replicas=1, updatedReplicas=1, conditions=[LATE]), NOWHERE), True, False),
        (None, seen(live(replicas=1, updatedReplicas=1), OVERDUE), True, False),
        (None, seen(live(**done(), conditions=[LATE])), False, False),
    ],
)
def test_a_rollout_is_reconciled_until_it_is_done_or_stalled(
    waits: Any, observed: Any, *, stalled: bool, reconciling: bool
) -> None:
    found = phase(server(), MODEL, waits, observed)
    assert (found.is_stalled, found.is_reconciling) == (stalled, reconciling)


@pytest.mark.parametrize(
    ("waits", "observed", "model", "where"),
    [
        (WAITS, seen(None), None, ("Waiting", "WaitsForTrainingJob", "WaitsForTrainingJob")),
        (FAILED, seen(None), None, ("Failed", "TrainingJobFailed", "TrainingJobFailed")),
        (WAITS, seen(live(**done())), MODEL, ("Ready", "WaitsForTrainingJob", "Serving")),
        (FAILED, seen(live(**done())), MODEL, ("Degraded", "TrainingJobFailed", "Serving")),
        (WAITS, seen(live(replicas=1)), MODEL, ("Starting", "RollingOut", "Starting")),
    ],
)
def test_where_one_is_whose_model_is_not_there_yet(waits: Any, observed: Any, model: Any, where: Any) -> None:
    found = phase(server(), model, waits, observed)
    assert (found.state, found.progress.reason, found.ready.reason) == where
    if model and where[1] != "RollingOut":
        assert found.progress.message.startswith(waits.message)
        assert URI in found.progress.message


@pytest.mark.parametrize(
    ("told", "progress", "state"),
    [
        ({"a": "1", "b": "1"}, "RolledOut", "Ready"),
        ({"a": "1", "b": "2"}, "SignaturesDiffer", "Degraded"),
        ({"a": "1", "gone": "2"}, "RolledOut", "Ready"),
        ({"a": "1", "b": ""}, "RolledOut", "Ready"),
        ({"a": "1", "old": "2"}, "RolledOut", "Ready"),
    ],
)
def test_pods_that_have_found_different_signatures_are_told_of(told: Any, progress: str, state: str) -> None:
    old = pod("old", of=server(classes=["a"]), ready=True)
    both = server(replicas=2)
    observed = seen(live(both, **done(2)), pod("a", ready=True), pod("b", ready=True), old, of=both)
    observed = replace(observed, metadata=ModelMetadata(SHA, (), (), told))
    found = phase(both, MODEL, None, observed)
    assert (found.progress.reason, found.state, found.ready.reason) == (progress, state, "Serving")
    if progress == "SignaturesDiffer":
        assert "a and b" in found.progress.message
        assert "signature.json" in found.progress.message


def test_paused_it_says_so_while_something_waits() -> None:
    held = seen(live(PAUSED, replicas=1, readyReplicas=1, updatedReplicas=0), of=PAUSED)
    assert (phase(PAUSED, MODEL, None, held).progress.reason, phase(PAUSED, MODEL, None, held).state) == (
        "Paused",
        "Ready",
    )
    rest = seen(live(PAUSED, **done()), of=PAUSED)
    assert phase(PAUSED, MODEL, None, rest).progress.reason == "RolledOut"


def test_with_no_replicas_it_is_stopped() -> None:
    one = server(replicas=0)
    found = phase(one, MODEL, None, seen(live(one, **done(0)), of=one))
    assert (found.state, found.ready.reason, found.is_serving) == ("Stopped", "Stopped", False)
    ending = phase(one, MODEL, None, seen(live(one, replicas=1), of=one))
    assert ending.progress.reason == "RollingOut"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"auth": {"secretRef": {"name": "keys"}}}, True),
        ({"auth": {"secretRef": {"name": "keys"}}, "tls": {"secretRef": {"name": "cert"}}}, False),
        ({}, False),
    ],
)
def test_keys_that_can_be_read_are_told_of(spec: Any, *, said: bool) -> None:
    one = server(**spec)
    found = phase(one, MODEL, None, seen(live(one, **done()), of=one))
    assert ("spec.tls" in found.ready.message) is said


def test_pods_of_a_template_of_before_say_nothing_of_the_rollout() -> None:
    old = pod(of=server(classes=["a"]), containerStatuses=[ended(words("ModelDamaged"))])
    observed = seen(live(replicas=2, readyReplicas=0, updatedReplicas=1), old)
    assert phase(server(), MODEL, None, observed).progress.reason == "RollingOut"


def test_a_spec_that_cannot_be_read_leaves_what_serves_as_it_is() -> None:
    cause = StatusCause(Reason.INVALID_SPEC, "spec.replicas: no")
    serving = blocked_phase(cause, seen(live(**done())), MODEL, 1)
    assert (serving.state, serving.progress, serving.ready.reason) == ("Degraded", cause, "Serving")
    nothing = blocked_phase(cause, seen(None), None, 0)
    assert (nothing.state, nothing.ready) == ("Failed", cause)


def test_pods_are_counted_by_the_deployment() -> None:
    assert pod_counts(None, 2) == PodCounts(2)
    found = pod_counts(cache_transform.deployment(live(generation=3, **done(2))), 2)
    assert found == PodCounts(2, 2, 2, 2, is_current=True)
    assert found.is_rolled_out
    assert not pod_counts(cache_transform.deployment(live(**done(2))), 3).is_rolled_out


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "u"),
        ({"training_job_name": "mnist", "model": "Best"}, "mnist (Best)"),
        ({"training_job_name": "mnist-1-r2", "model": "Best", "experiment_name": "search"}, "search: mnist-1-r2"),
    ],
)
def test_what_people_call_a_model(fields: Any, text: str) -> None:
    assert describe(ServedModel(uri="u", sha256=SHA, **fields)) == text
