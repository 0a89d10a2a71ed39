"""The phase of a ModelServer, by its observed state."""

from dataclasses import replace
from typing import Any

import pytest
from epochal_api.modelserver.status import ServedModel
from epochal_operator.modelserver import cache_transform
from epochal_operator.modelserver.model_annotation import metadata_key
from epochal_operator.modelserver.observed import ModelMetadata
from epochal_operator.modelserver.phase import PodCounts, blocked_phase, derive_phase, model_label, pod_counts
from epochal_operator.modelserver.reasons import Reason, StatusCause

from tests.unit.operator.modelserver.servers import (
    MODEL,
    SHA,
    URI,
    container,
    failed_container,
    live_deployment,
    observe,
    pod,
    rolled_out,
    server,
    termination_message,
    with_blocked_service,
)
from tests.unit.operator.objects import NO_SUCH_LABELS, at

WAITS = StatusCause(Reason.WAITS_FOR_TRAINING_JOB, "The TrainingJob mnist is Running.")
FAILED = StatusCause(Reason.TRAINING_JOB_FAILED, "The TrainingJob mnist has failed.")
TAKEN = StatusCause(Reason.NAME_CONFLICT, "taken")
UNPULLED = pod(containerStatuses=[container(waiting={"reason": "ImagePullBackOff", "message": "no such image"})])
BROKEN = pod(containerStatuses=[failed_container(termination_message("ModelDamaged", "another file"))])
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
HALF: dict[str, Any] = {"replicas": 2, "readyReplicas": 1, "updatedReplicas": 1}
STARTING: dict[str, Any] = {"replicas": 1, "updatedReplicas": 1}


@pytest.mark.parametrize(
    ("observed", "state", "progress", "ready"),
    [
        (observe(None), "Starting", "Creating", "Starting"),
        (observe(live_deployment()), "Starting", "RollingOut", "Starting"),
        (observe(live_deployment(**rolled_out())), "Ready", "RolledOut", "Serving"),
        (observe(live_deployment(generation=2, **rolled_out()) | {"status": {"observedGeneration": 1, **rolled_out()}}),
         "Updating", "RollingOut", "Serving"),
        (observe(live_deployment(**HALF)), "Updating", "RollingOut", "Serving"),
        (observe(live_deployment(**STARTING), BROKEN), "Failed", "ModelDamaged", "ModelDamaged"),
        (observe(live_deployment(**HALF), BROKEN), "Degraded", "ModelDamaged", "Serving"),
        (observe(live_deployment(**STARTING), UNSCHEDULED), "Starting", "Unschedulable", "Unschedulable"),
        (observe(live_deployment(**HALF), UNSCHEDULED),
         "Updating", "Unschedulable", "Serving"),
        (observe(live_deployment(**STARTING, conditions=[LATE])),
         "Failed", "ProgressDeadlineExceeded", "ProgressDeadlineExceeded"),
        (observe(live_deployment(**STARTING), EARLY), "Starting", "Unschedulable", "Unschedulable"),
        (observe(live_deployment(**STARTING), OVERDUE),
         "Failed", "ProgressDeadlineExceeded", "ProgressDeadlineExceeded"),
        (observe(live_deployment(**HALF, conditions=[LATE]), UNSCHEDULED),
         "Degraded", "ProgressDeadlineExceeded", "Serving"),
        (observe(live_deployment(**STARTING, conditions=[LATE]), BROKEN),
         "Failed", "ModelDamaged", "ModelDamaged"),
        (observe(live_deployment(**STARTING), NOWHERE), "Failed", "NoMatchingNode", "NoMatchingNode"),
        (observe(live_deployment(conditions=[QUOTA])), "Failed", "PodRefused", "PodRefused"),
        (observe(live_deployment(**rolled_out(), conditions=[QUOTA, LATE])), "Ready", "RolledOut", "Serving"),
        (with_blocked_service(observe(live_deployment(**rolled_out())), TAKEN), "Degraded", "NameConflict", "Serving"),
        (with_blocked_service(observe(live_deployment()), TAKEN), "Failed", "NameConflict", "NameConflict"),
        (with_blocked_service(observe(None), StatusCause(Reason.CLEANUP, "gone soon")),
         "Starting", "Cleanup", "Cleanup"),
    ],
)  # fmt: skip
def test_phase_of_a_rollout(observed: Any, state: str, progress: str, ready: str) -> None:
    found = derive_phase(server(), MODEL, None, observed)
    assert (found.state, found.progress.reason, found.ready.reason) == (state, progress, ready)


@pytest.mark.parametrize(
    ("waits", "observed", "stalled", "reconciling"),
    [
        (None, observe(None), False, True),
        (None, observe(live_deployment(**HALF)), False, True),
        (None, observe(live_deployment(**rolled_out())), False, False),
        (WAITS, observe(live_deployment(**rolled_out())), False, True),
        (FAILED, observe(live_deployment(**rolled_out())), True, False),
        (None, observe(live_deployment(**STARTING), UNPULLED), False, True),
        (None, observe(live_deployment(**STARTING, conditions=[LATE]), UNPULLED), True, False),
        (None, observe(live_deployment(conditions=[QUOTA, LATE])), True, False),
        (None, observe(live_deployment(**STARTING), NOWHERE), False, True),
        (None, observe(live_deployment(**STARTING, conditions=[LATE]), NOWHERE), True, False),
        (None, observe(live_deployment(**STARTING), OVERDUE), True, False),
        (None, observe(live_deployment(**rolled_out(), conditions=[LATE])), False, False),
    ],
)
def test_reconciling_until_rolled_out_or_stalled(
    waits: Any, observed: Any, *, stalled: bool, reconciling: bool
) -> None:
    found = derive_phase(server(), MODEL, waits, observed)
    assert (found.is_stalled, found.is_reconciling) == (stalled, reconciling)


@pytest.mark.parametrize(
    ("waits", "observed", "model", "where"),
    [
        (WAITS, observe(None), None, ("Waiting", "WaitsForTrainingJob", "WaitsForTrainingJob")),
        (FAILED, observe(None), None, ("Failed", "TrainingJobFailed", "TrainingJobFailed")),
        (WAITS, observe(live_deployment(**rolled_out())), MODEL, ("Ready", "WaitsForTrainingJob", "Serving")),
        (FAILED, observe(live_deployment(**rolled_out())), MODEL, ("Degraded", "TrainingJobFailed", "Serving")),
        (WAITS, observe(live_deployment(replicas=1)), MODEL, ("Starting", "RollingOut", "Starting")),
    ],
)
def test_phase_without_a_new_model(waits: Any, observed: Any, model: Any, where: Any) -> None:
    found = derive_phase(server(), model, waits, observed)
    assert (found.state, found.progress.reason, found.ready.reason) == where
    if model and where[1] != "RollingOut":
        assert found.progress.message.startswith(waits.message)
        assert URI in found.progress.message


@pytest.mark.parametrize(
    ("signatures", "progress", "state"),
    [
        ({"a": "1", "b": "1"}, "RolledOut", "Ready"),
        ({"a": "1", "b": "2"}, "SignaturesDiffer", "Degraded"),
        ({"a": "1", "gone": "2"}, "RolledOut", "Ready"),
        ({"a": "1", "b": ""}, "RolledOut", "Ready"),
        ({"a": "1", "old": "2"}, "RolledOut", "Ready"),
    ],
)
def test_different_signatures_stall(signatures: Any, progress: str, state: str) -> None:
    old = pod("old", of=server(classes=["a"]), ready=True)
    both = server(replicas=2)
    observed = observe(live_deployment(both, **rolled_out(2)), pod("a", ready=True), pod("b", ready=True), old, of=both)
    observed = replace(observed, metadata=ModelMetadata(metadata_key(MODEL), (), (), signatures))
    found = derive_phase(both, MODEL, None, observed)
    assert (found.progress.reason, found.state, found.ready.reason) == (progress, state, "Serving")
    if progress == "SignaturesDiffer":
        assert "a and b" in found.progress.message
        assert "signature.json" in found.progress.message


def test_paused_only_while_a_rollout_waits() -> None:
    held = observe(live_deployment(PAUSED, replicas=1, readyReplicas=1, updatedReplicas=0), of=PAUSED)
    assert (derive_phase(PAUSED, MODEL, None, held).progress.reason, derive_phase(PAUSED, MODEL, None, held).state) == (
        "Paused",
        "Ready",
    )
    rest = observe(live_deployment(PAUSED, **rolled_out()), of=PAUSED)
    assert derive_phase(PAUSED, MODEL, None, rest).progress.reason == "RolledOut"


def test_no_replicas_is_stopped() -> None:
    one = server(replicas=0)
    found = derive_phase(one, MODEL, None, observe(live_deployment(one, **rolled_out(0)), of=one))
    assert (found.state, found.ready.reason, found.is_serving) == ("Stopped", "Stopped", False)
    ending = derive_phase(one, MODEL, None, observe(live_deployment(one, replicas=1), of=one))
    assert ending.progress.reason == "RollingOut"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"auth": {"secretRef": {"name": "keys"}}}, True),
        ({"auth": {"secretRef": {"name": "keys"}}, "tls": {"secretRef": {"name": "cert"}}}, False),
        ({}, False),
    ],
)
def test_ready_message_warns_of_keys_without_tls(spec: Any, *, said: bool) -> None:
    one = server(**spec)
    found = derive_phase(one, MODEL, None, observe(live_deployment(one, **rolled_out()), of=one))
    assert ("spec.tls" in found.ready.message) is said


def test_pods_of_an_earlier_template_do_not_block() -> None:
    old = pod(of=server(classes=["a"]), containerStatuses=[failed_container(termination_message("ModelDamaged"))])
    observed = observe(live_deployment(replicas=2, readyReplicas=0, updatedReplicas=1), old)
    assert derive_phase(server(), MODEL, None, observed).progress.reason == "RollingOut"


def test_invalid_spec_keeps_serving() -> None:
    cause = StatusCause(Reason.INVALID_SPEC, "spec.replicas: no")
    serving = blocked_phase(cause, observe(live_deployment(**rolled_out())), MODEL, 1)
    assert (serving.state, serving.progress, serving.ready.reason) == ("Degraded", cause, "Serving")
    nothing = blocked_phase(cause, observe(None), None, 0)
    assert (nothing.state, nothing.ready) == ("Failed", cause)


def test_pod_counts() -> None:
    assert pod_counts(None, 2) == PodCounts(2)
    found = pod_counts(cache_transform.deployment(live_deployment(generation=3, **rolled_out(2))), 2)
    assert found == PodCounts(2, 2, 2, 2, is_current=True)
    assert found.is_rolled_out
    assert not pod_counts(cache_transform.deployment(live_deployment(**rolled_out(2))), 3).is_rolled_out


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "u"),
        ({"training_job_name": "mnist", "model": "Best"}, "mnist (Best)"),
        ({"training_job_name": "mnist-1-r2", "model": "Best", "experiment_name": "search"}, "search: mnist-1-r2"),
    ],
)
def test_describe_names_the_model(fields: Any, text: str) -> None:
    assert model_label(ServedModel(uri="u", sha256=SHA, **fields)) == text
