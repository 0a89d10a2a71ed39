"""The plan of a TrainingJob: tables of cases, and a state machine with Kubernetes, users and the operator."""

import copy
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from epochal_api.trainingjob.status import ContinuedFrom, ReportedStatus, Status
from epochal_operator.pods.diagnosis import is_live
from epochal_operator.pods.mutable_fields import MutableFields
from epochal_operator.pods.pod_template import QUEUE_LABEL
from epochal_operator.runtime.actions import ApplyStatus, CreateChild, DeleteChild, DeleteSelf, EmitEvent, PatchChild
from epochal_operator.runtime.conditions import get_condition, is_true
from epochal_operator.trainingjob.job.batch_job import batch_job
from epochal_operator.trainingjob.job.observed import Observed, first_run_time, orphan_pods, own_pods
from epochal_operator.trainingjob.plan import Action, Plan, make_plan, plan_for_invalid_spec
from epochal_operator.trainingjob.progress.endpoint import is_newer
from epochal_operator.trainingjob.progress.reported_status import reported_status
from epochal_operator.trainingjob.reasons import Reason, StatusCause
from epochal_operator.trainingjob.reconcile import parse_and_plan
from epochal_operator.trainingjob.resources import PROGRESS_MANAGER
from epochal_operator.trainingjob.status.predicates import is_finished, is_spec_ignored
from epochal_operator.trainingjob.status.status import derive_status, leader_fields, reported_fields
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.unit.operator.objects import (
    COMPLETE,
    INSTALLATION,
    NOW,
    SPEC,
    SUSPENDED,
    UID,
    at,
    child,
    condition,
    deleting,
    disrupted,
    document,
    failed,
    killed,
    pod,
    read,
    report,
    required,
    running,
    seen,
    succeeded,
    termination,
    training_job,
    true,
)
from tests.unit.operator.planned import applied, applied_status, reported_part, steps

STARTED = {"startTime": at(-60)}
DONE_REPORT = STARTED | reported_status(report(stage="Done"), NOW).dump()
DONE = derive_status(training_job(), seen(COMPLETE, succeeded()))
SOON = NOW + timedelta(seconds=8)
QUEUE: dict[str, Any] = {"scheduling": {"queueName": "gpus"}}
QUEUED, OUT_OF_QUEUE = training_job(**QUEUE), training_job(suspend=True, **QUEUE)
LEAVES_AFTER_START = training_job(STARTED, suspend=True, **QUEUE)
QUEUED_DEADLINE = training_job(activeDeadlineSeconds=5, **QUEUE)
CHANGED = training_job(backoffLimit=9, generation=2)
AFTER_A_MINUTE = MutableFields(ttl_seconds_after_finished=60)


def by_kueue(job: Any) -> Any:
    """Returns a Job that Kueue has admitted with fewer pods."""
    return job | {"spec": job["spec"] | {"suspend": False, "parallelism": 0}}


def labelled(job: Any) -> Any:
    """Returns a Job that another writer has put into a queue."""
    return job | {"metadata": job["metadata"] | {"labels": {"kueue.x-k8s.io/queue-name": "gpus"}}}


def managed(job: Any, by: str) -> Any:
    return job | {"spec": job["spec"] | {"managedBy": by}}


@pytest.mark.parametrize(
    ("job", "observed", "expected"),
    [
        (training_job(), seen(), [CreateChild]),
        (training_job(suspend=True), seen(), [EmitEvent, ApplyStatus]),
        (training_job(STARTED), seen(), [CreateChild]),
        (training_job(STARTED), seen(None, failed()), [CreateChild]),
        (training_job(), seen(child()), [ApplyStatus]),
        (training_job(suspend=True), seen(child()), [PatchChild]),
        (training_job(activeDeadlineSeconds=5), seen(child()), [PatchChild]),
        *(
            (CHANGED, observed, [PatchChild])
            for observed in (
                seen(child()),
                seen(child(startTime=at(-60))),
                seen(child(active=1), pod()),
                seen(child(failed=1), failed(reason="StartError")),
            )
        ),
        (CHANGED, seen(child(SUSPENDED), deleting(pod(), 60)), [ApplyStatus]),
        (CHANGED, seen(child(SUSPENDED), failed(reason="StartError")), [DeleteChild]),
        (CHANGED, seen(child(SUSPENDED)), [DeleteChild]),
        (training_job(suspend=True, backoffLimit=9, generation=2), seen(child(SUSPENDED)), [DeleteChild]),
        (training_job(STARTED, suspend=True), seen(child(SUSPENDED)), [EmitEvent, ApplyStatus]),
        (training_job(backoffLimit=9), seen(child(SUSPENDED)), [DeleteChild]),
        *(
            (CHANGED, observed, [EmitEvent, ApplyStatus])
            for observed in (seen(child(failed=1)), seen(child(succeeded=1)), seen(child(), failed()))
        ),
        (CHANGED, seen(child(SUSPENDED), failed(code=143)), [PatchChild]),
        (
            training_job(STARTED, backoffLimit=9, generation=2),
            seen(child(), running()),
            [*[EmitEvent] * 2, ApplyStatus],
        ),
        (
            training_job({"progress": {"attempt": 1}}, backoffLimit=9, generation=2),
            seen(child(SUSPENDED)),
            [PatchChild],
        ),
        (training_job(backoffLimit=9, generation=2, **QUEUE), seen(by_kueue(child(QUEUED)), pod()), [DeleteChild]),
        (training_job(backoffLimit=9, generation=2, **QUEUE), seen(child(QUEUED)), [DeleteChild]),
        (training_job(backoffLimit=9), seen(deleting(child())), [ApplyStatus]),
        (training_job(suspend=True), seen(child(), backoff_end=SOON), [ApplyStatus]),
        (training_job(backoffLimit=9), seen(child(), backoff_end=SOON), [ApplyStatus]),
        (training_job(suspend=True), seen(child(), backoff_end=NOW), [PatchChild]),
        (QUEUED, seen(), [CreateChild]),
        (QUEUED, seen(child(QUEUED)), [ApplyStatus]),
        (QUEUED, seen(by_kueue(child(QUEUED)), running()), [EmitEvent, ApplyStatus]),
        (QUEUED_DEADLINE, seen(child(QUEUED)), [PatchChild]),
        (OUT_OF_QUEUE, seen(), [EmitEvent, ApplyStatus]),
        (OUT_OF_QUEUE, seen(by_kueue(child(QUEUED)), pod()), [DeleteChild]),
        (OUT_OF_QUEUE, seen(by_kueue(child(QUEUED)), running()), [ApplyStatus]),
        (LEAVES_AFTER_START, seen(by_kueue(child(QUEUED)), running()), [DeleteChild]),
        (LEAVES_AFTER_START, seen(child(), running()), [PatchChild]),
        (OUT_OF_QUEUE, seen(deleting(by_kueue(child(QUEUED))), running()), [ApplyStatus]),
        (OUT_OF_QUEUE, seen(COMPLETE), [EmitEvent, ApplyStatus]),
        (training_job(), seen(labelled(child(training_job(suspend=True)))), [ApplyStatus]),
        (training_job(), seen(managed(child(training_job(suspend=True)), "example.com/queue")), [ApplyStatus]),
        (
            training_job(),
            seen(managed(child(training_job(suspend=True)), "kubernetes.io/job-controller")),
            [PatchChild],
        ),
        (training_job(suspend=True), seen(labelled(child())), [DeleteChild]),
        (training_job(suspend=True), seen(labelled(child(SUSPENDED))), [DeleteChild]),
        (training_job(STARTED, suspend=True), seen(labelled(child()), succeeded()), [PatchChild]),
        (training_job(STARTED, suspend=True), seen(labelled(child()), failed(code=65)), [PatchChild]),
        (training_job(DONE_REPORT, suspend=True), seen(labelled(child()), running()), [PatchChild]),
        (
            training_job(STARTED, suspend=True, backoffLimit=9, generation=2),
            seen(labelled(child()), running()),
            [PatchChild],
        ),
        (training_job(suspend=True), seen(COMPLETE), [EmitEvent, ApplyStatus]),
        (training_job(), seen(COMPLETE), [EmitEvent, ApplyStatus]),
        (training_job(DONE), seen(), []),
        (training_job(DONE), seen(child(), running()), []),
        (training_job(DONE, suspend=True), seen(COMPLETE), []),
    ],
)
def test_planned_actions(job: Any, observed: Observed, expected: list[type[Action]]) -> None:
    assert steps(job, observed) == expected


def test_orphan_pods_delay_the_creation_of_the_job() -> None:
    assert CreateChild not in steps(training_job(STARTED), seen(orphans=(running(),)))
    assert CreateChild in steps(training_job(STARTED), seen())


def test_terminating_training_job_has_no_actions() -> None:
    raw = document()
    raw["metadata"]["deletionTimestamp"] = at(0)
    assert parse_and_plan(raw, seen(), INSTALLATION).actions == ()


def test_job_of_a_queue_is_created_suspended() -> None:
    body = applied(QUEUED, seen(), CreateChild).body
    assert (body["metadata"]["labels"]["kueue.x-k8s.io/queue-name"], body["spec"]["suspend"]) == ("gpus", True)
    assert "kueue.x-k8s.io/queue-name" not in body["spec"]["template"]["metadata"]["labels"]
    patched = applied(QUEUED_DEADLINE, seen(child(QUEUED)), PatchChild)
    assert patched.spec == {"activeDeadlineSeconds": 5}


def test_job_without_annotations_is_not_replaced() -> None:
    stripped = child()
    del stripped["metadata"]["annotations"]
    assert steps(training_job(backoffLimit=9), seen(stripped)) == [ApplyStatus]


def test_termination_message_completes_the_reports() -> None:
    artifacts = {"uri": "s3://r/", "model": "s3://r/model.keras", "log": "s3://r/training.log"}
    last = report(attempt=2, sequence=9, stage="Done", epoch=10, artifacts=artifacts)
    pods = (failed("a", age=90), succeeded("b", message=termination("Completed", "", last)))
    figures = required(reported_part(make_plan(training_job(), seen(COMPLETE, *pods), INSTALLATION).actions))
    assert figures.progress
    assert figures.results
    assert figures.display
    assert figures.progress.epoch == 10
    assert figures.progress.last_report_time == at(-10)
    assert figures.results.model == "s3://r/model.keras"
    assert figures.display.eta is None


def test_results_of_a_training_with_64_metrics_are_kept() -> None:
    values = {f"val_output_{number}_sparse_categorical_accuracy": number / 3 for number in range(64)}
    models = [{"name": "model.keras", "epoch": 10, "sha256": "0" * 64, "test": values}]
    changes = {"metrics": values, "test": values, "models": models, "artifacts": {"uri": "s3://results/x/"}}
    last = report(sequence=9, stage="Done", epoch=10, **changes)
    pods = (succeeded(message=termination("Completed", "", last)),)
    before = reported_status(report(epoch=3), NOW)
    figures = required(reported_part(make_plan(training_job(before), seen(COMPLETE, *pods), INSTALLATION).actions))
    assert figures.progress
    assert (figures.progress.epoch, figures.progress.percent) == (10, 100)
    assert figures.results
    assert [model.name for model in figures.results.models or ()] == ["model.keras"]


def test_spec_change_in_a_queue_that_loses_the_job_names_a_possible_remedy() -> None:
    """A container starts just before the operator deletes the Job to replace it: it ends without results."""
    job = child(QUEUED, active=1)
    job["spec"]["suspend"] = False
    edited = training_job(generation=2, backoffLimit=9, **QUEUE)
    assert steps(edited, seen(job, pod())) == [DeleteChild]
    terminating = seen(deleting(job), deleting(failed(code=143), 60))
    status = applied_status(make_plan(edited, terminating, INSTALLATION).actions)
    ready, spec_applied = condition(status), condition(status, "SpecApplied")
    assert (ready.reason, spec_applied.status, spec_applied.reason) == ("Creating", "False", "SpecIgnored")
    assert "No other Job follows" in ready.message
    assert "continues" not in spec_applied.message
    again = training_job(status, generation=2, backoffLimit=9, **QUEUE)
    assert steps(again, terminating) == []
    lost = applied_status(make_plan(again, seen(), INSTALLATION).actions)
    assert condition(lost).reason == "SpecLost"
    for kind in ("Ready", "Stalled", "SpecApplied"):
        assert condition(lost, kind).message.endswith("Delete the TrainingJob and apply it again.")
        assert "status.results.uri" not in condition(lost, kind).message
    figures = reported_status(report(artifacts={"uri": "s3://results/x"}), NOW)
    stored = training_job(Status(**dict(status) | dict(figures)), generation=2, backoffLimit=9, **QUEUE)
    assert "status.results.uri" in condition(applied_status(make_plan(stored, seen(), INSTALLATION).actions)).message


@pytest.mark.parametrize(("sequence", "news"), [(4, False), (5, False), (6, True)])
def test_older_termination_message_is_ignored(sequence: int, news: bool) -> None:  # noqa: FBT001
    known = reported_status(report(sequence=5, secondsLeft=None), NOW)
    last = report(sequence=sequence, epoch=4, secondsLeft=None)
    pods = (failed(message=termination("Crashed", "", last)),)
    actions = make_plan(training_job(known), seen(child(), *pods), INSTALLATION).actions
    assert (reported_part(actions) is not None) is news


MISSING = {"reason": "MissingClasses", "message": "no nines"}
CHANCE = {"reason": "ChanceLevel", "message": "nothing is learned"}


def event_reasons(actions: Sequence[Action]) -> list[str]:
    """Returns the reasons of the Events, which precede the status."""
    *before, last = actions
    assert isinstance(last, ApplyStatus)
    return [one.event.reason for one in before if isinstance(one, EmitEvent)]


def test_warning_has_one_event_across_leaders() -> None:
    observed = seen(child(), running())
    before = derive_status(training_job(), observed)
    for warnings, new in (([MISSING], ["MissingClasses"]), ([MISSING, CHANCE], ["ChanceLevel"])):
        figures = reported_status(report(warnings=warnings), NOW, before)
        before = Status(**dict(leader_fields(before)) | dict(figures))
        actions = make_plan(training_job(before), observed, INSTALLATION).actions
        assert event_reasons(actions) == new
        before = Status(**dict(applied_status(actions)) | dict(figures))
        assert before.warned == [one["reason"] for one in warnings]
        assert make_plan(training_job(before), observed, INSTALLATION).actions == ()
    restarted = reported_status(report(attempt=2, sequence=1, stage="Loading", epoch=0), NOW, before)
    before = Status(**dict(leader_fields(before)) | dict(restarted))
    assert event_reasons((*make_plan(training_job(before), observed, INSTALLATION).actions, ApplyStatus(before))) == []


def test_export_in_a_termination_message_is_a_condition() -> None:
    artifacts = {"uri": "s3://results/x/"}
    last = report(sequence=9, stage="Done", artifacts=artifacts, export={"reason": "ExportFailed", "message": "killed"})
    observed = seen(COMPLETE, succeeded(message=termination("Completed", "", last)))
    actions = make_plan(training_job(), observed, INSTALLATION).actions
    assert event_reasons(actions) == ["ExportFailed", "Completed"]
    after = applied_status(actions)
    found = {one.type: (one.status, one.reason, one.message) for one in after.conditions or []}
    assert found["Exported"] == ("False", "ExportFailed", "killed")
    assert found["Stalled"][0] == "False"
    figures = required(reported_part(actions))
    whole = Status(**dict(after) | dict(figures))
    assert make_plan(training_job(whole), observed, INSTALLATION).actions == ()


def test_warning_in_a_termination_message_has_an_event() -> None:
    last = report(sequence=9, stage="Done", warnings=[CHANCE])
    observed = seen(COMPLETE, succeeded(message=termination("Completed", "", last)))
    actions = make_plan(training_job(), observed, INSTALLATION).actions
    assert event_reasons(actions) == ["ChanceLevel", "Completed"]
    figures = required(reported_part(actions))
    after = Status(**dict(applied_status(actions)) | dict(figures))
    assert make_plan(training_job(after), observed, INSTALLATION).actions == ()


def test_finished_job_has_no_events() -> None:
    ended = Status(**dict(DONE) | dict(reported_status(report(stage="Done", warnings=[CHANCE]), NOW)))
    assert not [
        action
        for action in make_plan(training_job(ended), seen(), INSTALLATION).actions
        if isinstance(action, EmitEvent)
    ]


def test_reported_fields_are_written_with_complete() -> None:
    known = reported_status(report(), NOW)
    actions = make_plan(training_job(known), seen(COMPLETE, succeeded()), INSTALLATION).actions
    assert [type(one) for one in actions] == [EmitEvent, ApplyStatus]
    assert applied_status(actions).state == "Complete"
    figures = required(reported_part(actions))
    assert figures.display
    assert figures.progress
    assert figures.display.eta is None
    assert figures.progress.estimated_completion_time is None
    assert figures.metrics == known.metrics


def test_last_status_is_two_writes_if_the_leader_removes_a_field() -> None:
    unstarted = {"jobUid": "job-uid", "pods": ["uid-of-another"]}
    before = training_job(reported_status(report(), NOW).dump() | {"unstarted": unstarted})
    actions = make_plan(before, seen(COMPLETE, succeeded()), INSTALLATION).actions
    assert [type(one) for one in actions] == [ApplyStatus, EmitEvent, ApplyStatus]
    assert applied_status(actions).unstarted is None


def test_invalid_spec_is_refused_with_its_field() -> None:
    raw = document(network={"input": {"shape": [1]}, "layers": [{"layer": "Dense", "inputs": ["nowhere"]}]})
    todo = parse_and_plan(raw, seen(), INSTALLATION)
    after = applied_status(todo.actions)
    assert after.state == "Failed"
    assert [type(action) for action in todo.actions] == [EmitEvent, ApplyStatus]
    failure = next(one for one in after.conditions or [] if one.type == "Failed")
    assert "spec.network.layers[0].inputs[0]: no layer above has the name nowhere" in failure.message
    raw["status"] = after.dump()
    assert parse_and_plan(raw, seen(), INSTALLATION).actions == ()


def nested(depth: int) -> dict[str, Any]:
    """Returns a network with a Keras argument of nested lists."""
    units: list[Any] = []
    for _ in range(depth):
        units = [units]
    return {"input": {"shape": [8]}, "layers": [{"layer": "Dense", "units": units}]}


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ({"network": nested(500)}, "nested"),
        ({"network": nested(9900)}, "nested"),
        ({"training": SPEC["training"] | {"continueFrom": {"name": "digits"}}}, "spec.training.continueFrom.name"),
    ],
    ids=["nested 500", "nested 9900", "continues from itself"],
)
@pytest.mark.parametrize("observed", [seen(), seen(blocked=StatusCause(Reason.CONTINUE_FROM_UNFINISHED, "x"))])
def test_invalid_spec_is_refused_even_if_blocked(spec: Any, word: str, observed: Observed) -> None:
    actions = parse_and_plan(document(**spec), observed, INSTALLATION).actions
    failure = condition(applied_status(actions), "Failed")
    assert (failure.status, failure.reason, word in failure.message) == ("True", "InvalidSpec", True)


@pytest.mark.parametrize("ttl", [-5, 10**30, "x", [], True, 1.5])
def test_invalid_ttl_deletes_nothing(ttl: Any) -> None:
    broken = document(DONE.dump() | STARTED, framework="unknown", ttlSecondsAfterFinished=ttl)
    later = seen(COMPLETE, now=NOW + timedelta(days=9999))
    assert parse_and_plan(broken, later, INSTALLATION) == Plan()


def test_results_of_the_predecessor_are_saved_before_the_job() -> None:
    job = training_job(training=SPEC["training"] | {"continueFrom": {"name": "first"}})
    found = ContinuedFrom(name="first", uri="s3://results/vision/first/1234/")
    waits = seen(continued_from=found)
    actions = make_plan(job, waits, INSTALLATION).actions
    assert [type(one) for one in actions] == [ApplyStatus, CreateChild], "the other one may be gone a moment later"
    assert applied(job, waits, CreateChild).body == batch_job(job, INSTALLATION, found.uri)
    after = applied_status(actions)
    assert after.continued_from == found
    remembers = training_job(after, training=SPEC["training"] | {"continueFrom": {"name": "first"}})
    assert steps(remembers, waits) == [CreateChild]
    assert applied(remembers, seen(child(job)), ApplyStatus).status.continued_from == found
    assert applied_status(plan_for_invalid_spec(job.metadata, after, "no", seen()).actions).continued_from == found
    begun = child(job, startTime=at(-9))
    assert applied(job, seen(begun, running()), ApplyStatus).status.state == "Starting"


@pytest.mark.parametrize("ttl", [None, 60])
def test_spec_that_another_version_refused_is_accepted(ttl: int | None) -> None:
    refused = applied_status(
        plan_for_invalid_spec(
            training_job().metadata,
            Status(),
            "spec.new: unknown",
            seen(),
            MutableFields(ttl_seconds_after_finished=ttl),
        ).actions
    )
    later = seen(now=NOW + timedelta(days=1))
    job = training_job(refused, ttlSecondsAfterFinished=ttl)
    assert [type(one) for one in make_plan(job, later, INSTALLATION).actions] == [CreateChild]
    after = applied_status(make_plan(job, replace(later, job=child(job)), INSTALLATION).actions)
    assert (after.state, after.completion_time, is_true(after.conditions, "Failed")) == ("Queued", None, False)


def test_refusal_is_written_once() -> None:
    metadata = training_job().metadata
    first = applied_status(plan_for_invalid_spec(metadata, Status(), "spec.a: no", seen()).actions)
    assert plan_for_invalid_spec(metadata, first, "spec.a: no", seen(now=NOW + timedelta(seconds=9))).actions == ()
    again = applied_status(
        plan_for_invalid_spec(metadata, first, "spec.b: no", seen(now=NOW + timedelta(seconds=9))).actions
    )
    assert again.completion_time == first.completion_time
    assert condition(again).message == "spec.b: no"


def test_termination_message_after_the_end_is_ignored() -> None:
    known = reported_status(report(artifacts={"uri": "s3://mine/"}), NOW)
    over = make_plan(training_job(known), seen(COMPLETE, succeeded()), INSTALLATION).actions
    done = applied_status(over)
    forged = termination("Completed", "", report(sequence=99, artifacts={"uri": "s3://theirs/"}))
    assert steps(training_job(done), seen(COMPLETE, succeeded(), succeeded("forged", message=forged))) == []


def test_started_job_with_an_invalid_spec_ends_normally() -> None:
    before = Status.model_validate(STARTED | {"gpus": 2, "attempt": 1})
    actions = plan_for_invalid_spec(
        training_job().metadata, before, "no", seen(COMPLETE, succeeded()), AFTER_A_MINUTE
    ).actions
    assert [type(one) for one in actions] == [EmitEvent, ApplyStatus]
    after = applied_status(actions)
    assert (after.state, after.gpus, after.completion_time) == ("Complete", 2, at(-3))
    gone = plan_for_invalid_spec(
        training_job().metadata, after, "no", seen(COMPLETE, now=NOW + timedelta(seconds=99)), AFTER_A_MINUTE
    )
    assert gone.actions == (DeleteSelf(),)


LIMITED: dict[str, Any] = {"activeDeadlineSeconds": 5}


@pytest.mark.parametrize("before", [STARTED, None])
@pytest.mark.parametrize(
    ("spec", "job", "expected"),
    [
        ({}, child(), {}),
        ({"suspend": True}, child(), {"suspend": True}),
        ({"suspend": True}, child(SUSPENDED), {}),
        ({}, child(SUSPENDED), {"suspend": False}),
        (LIMITED, child(), LIMITED),
        (LIMITED | {"suspend": True}, child(), LIMITED | {"suspend": True}),
        ({}, child(training_job(**LIMITED)), {"activeDeadlineSeconds": None}),
        ({"suspend": True}, deleting(child()), {}),
        ({"suspend": True}, COMPLETE, {}),
        ({}, child(QUEUED), {}),
        (LIMITED, by_kueue(child(QUEUED)), LIMITED),
    ],
)
def test_mutable_fields_apply_to_a_started_job_with_an_invalid_spec(
    before: Any, spec: dict[str, Any], job: Any, expected: dict[str, Any]
) -> None:
    actions = parse_and_plan(document(before, **spec, new=1), seen(job, running()), INSTALLATION).actions
    assert [one.spec for one in actions if isinstance(one, PatchChild)] == ([expected] if expected else [])


def test_parallelism_of_another_version_is_kept() -> None:
    more = child()
    more["spec"]["parallelism"] = 4
    todo = parse_and_plan(document(STARTED, suspend=True, new=1), seen(more, running()), INSTALLATION)
    assert [one.spec for one in todo.actions if isinstance(one, PatchChild)] == [{"suspend": True}]


def test_suspended_job_with_an_invalid_spec_leaves_the_queue_after_its_recorded_start() -> None:
    runs = seen(by_kueue(child(QUEUED)), running())
    raw = document({"startTime": at(-60), "attempt": 1}, suspend=True, new=1, **QUEUE)
    (deleted,) = parse_and_plan(raw, runs, INSTALLATION).actions
    assert isinstance(deleted, DeleteChild)
    assert deleted.child["metadata"]["uid"] == "job-uid"
    untold = parse_and_plan(document(suspend=True, new=1, **QUEUE), runs, INSTALLATION).actions
    assert not [one for one in untold if isinstance(one, DeleteChild)]


@pytest.mark.parametrize(("suspend", "state"), [(False, "Queued"), (True, "Suspended")])
def test_started_job_with_an_invalid_spec_waits_for_another_version(suspend: bool, state: str) -> None:  # noqa: FBT001
    spec: dict[str, Any] = {"suspend": suspend, "scheduling": {"queueName": "team-a"}}
    unknown = document(STARTED | {"attempt": 2}, **spec, new=1)
    after = applied_status(parse_and_plan(unknown, seen(), INSTALLATION).actions)
    assert (after.state, after.start_time, after.attempt, after.completion_time) == (state, at(-60), 2, None)
    ready = condition(after)
    assert (ready.status, ready.reason, is_true(after.conditions, "Stalled")) == ("False", "InvalidSpec", True)
    assert "spec.new" in ready.message
    assert "create a new TrainingJob with spec.training.continueFrom.uri" in ready.message
    assert parse_and_plan(unknown | {"status": after.dump()}, seen(), INSTALLATION) == Plan()
    known = document(after.dump(), **spec | {"suspend": False})
    assert [type(one) for one in parse_and_plan(known, seen(), INSTALLATION).actions] == [CreateChild]


@pytest.mark.parametrize("ttl", [0, 60])
def test_refused_job_is_not_deleted_after_its_ttl(ttl: int) -> None:
    unknown = document(ttlSecondsAfterFinished=ttl, new=1)
    after = applied_status(parse_and_plan(unknown, seen(), INSTALLATION).actions)
    assert after.state == "Failed"
    later = seen(now=NOW + timedelta(seconds=61))
    assert parse_and_plan(unknown | {"status": after.dump()}, later, INSTALLATION) == Plan()


def test_finished_job_with_an_invalid_spec_is_deleted_after_its_ttl() -> None:
    unknown = document(DONE.dump() | STARTED, ttlSecondsAfterFinished=60, new=1)
    later = seen(COMPLETE, now=NOW + timedelta(seconds=61))
    assert parse_and_plan(unknown, later, INSTALLATION).actions == (DeleteSelf(),)


def test_missing_default_endpoint_blocks_the_job() -> None:
    without = replace(INSTALLATION, storage_endpoint=None)
    after = applied_status(parse_and_plan(document(), seen(), without).actions)
    ready = condition(after)
    assert (after.state, ready.reason, is_true(after.conditions, "Stalled")) == ("Queued", "NoStorageEndpoint", True)
    assert "spec.storage.endpoint" in ready.message
    assert [type(one) for one in parse_and_plan(document(after.dump()), seen(), INSTALLATION).actions] == [CreateChild]

    job = child(training_job(suspend=True))
    same = document({"observedGeneration": 1}, suspend=True)
    assert applied_status(parse_and_plan(same, seen(job), without).actions).state == "Suspended"
    (changed,) = parse_and_plan(document({"observedGeneration": 1}, generation=2), seen(job), without).actions
    assert isinstance(changed, DeleteChild)
    assert changed.child["metadata"]["uid"] == "job-uid"


def test_foreign_conditions_of_any_size_do_not_reset_a_finished_job() -> None:
    done = document(DONE.dump())
    done["status"]["conditions"] += [true(f"Team{number}", message="m" * 30_000) for number in range(5)]
    assert parse_and_plan(read(json.dumps(done).encode()), seen(), INSTALLATION) == Plan()


def test_invalid_spec_found_by_a_trainer_is_permanent() -> None:
    message = termination("InvalidSpec", "spec.training.epochs: must be more")
    ended = child(conditions=[true("Failed", "PodFailurePolicy", since=-3)], startTime=at(-60))
    after = applied_status(
        parse_and_plan(document(STARTED), seen(ended, failed(code=64, message=message)), INSTALLATION).actions
    )
    assert get_condition(after.conditions, "Failed").reason == "InvalidSpec"  # type: ignore[union-attr]
    changed = document(after.dump(), generation=2, ttlSecondsAfterFinished=600)
    assert [type(one) for one in parse_and_plan(changed, seen(), INSTALLATION).actions] == [ApplyStatus]


def test_foreign_conditions_are_kept() -> None:
    job = training_job(suspend=True)
    mine = derive_status(job, seen(child(job)))
    foreign = {"type": "Approved", "status": "True", "reason": "Policy", "message": "", "lastTransitionTime": at(0)}
    theirs = mine.dump() | {"conditions": [foreign, *reversed(mine.dump()["conditions"])]}
    assert steps(training_job(theirs, suspend=True), seen(child(job))) == []


def test_status_fields_of_a_later_version_are_kept() -> None:
    figures = reported_status(report(), NOW).dump()
    known = derive_status(training_job(figures), seen(child(), running())).dump() | figures
    more = {"later": {"a": [1]}}
    conditions = [one | more for one in known["conditions"]] + [known["conditions"][0] | {"type": "Later"}]
    later = known | more | {"conditions": conditions, "progress": known["progress"] | more}
    assert steps(training_job(later), seen(child(), running())) == []


def test_messages_are_bounded() -> None:
    layers = [{"layer": "Dense", "units": 1, "name": f"{'n' * 100}{number}"} for number in range(900)]
    layers.append({"layer": "Dense", "units": 1, "inputs": ["unknown"]})
    graph = document(network={"input": {"shape": [8]}, "layers": layers})
    ready = condition(applied_status(parse_and_plan(graph, seen(), INSTALLATION).actions))
    assert "layers[900].inputs[0]: no layer above has the name unknown" in ready.message
    assert len(ready.message) < 4096
    refusal = seen(blocked=StatusCause(Reason.JOB_REJECTED, "no " * 100_000))
    assert applied_status(parse_and_plan(document(), refusal, INSTALLATION).actions).state == "Queued"


def told_to_stop(name: str) -> dict[str, Any]:
    one: dict[str, Any] = failed(name, 143)
    return one


def evicted(name: str) -> dict[str, Any]:
    return disrupted(failed(name, 137))


class World(RuleBasedStateMachine):
    """A TrainingJob with its Job and pods, changed by Kubernetes, users and the operator."""

    def __init__(self) -> None:
        super().__init__()
        self.spec: dict[str, Any] = {"backoffLimit": 1}
        self.generation = 1
        self.status = Status()
        self.child: dict[str, Any] | None = None
        self.pods: list[dict[str, Any]] = []
        self.seconds = 0
        self.made = 0
        self.over: tuple[Any, ...] | None = None
        self.deleted = False
        self.stranger = False
        self.before: StatusCause | None = None

    def job(self) -> Any:
        return training_job(self.status, generation=self.generation, **self.spec)

    def observed(self) -> Observed:
        blocked = None
        if self.child is None:
            blocked = StatusCause(Reason.NAME_CONFLICT, "x") if self.stranger else self.before
        child, pods = copy.deepcopy(self.child), copy.deepcopy(self.pods)
        now = NOW + timedelta(seconds=self.seconds)
        return Observed(now, child, own_pods(child, pods), orphan_pods(child, pods, UID), blocked)

    def do(self, action: Action) -> None:
        match action:
            case CreateChild():
                assert self.child is None
                assert not is_finished(self.status)
                assert not self.spec.get("suspend")
                assert not any(one["status"]["phase"] in {"Pending", "Running"} for one in self.pods)
                self.made += 1
                self.child = {**copy.deepcopy(dict(action.body)), "status": {}}
                self.child["metadata"] |= {"uid": f"job-{self.made}", "resourceVersion": "42"}
            case PatchChild():
                assert self.child is not None
                self.child["spec"] |= action.spec
            case DeleteChild():
                assert self.child is not None
                in_queue = QUEUE_LABEL in self.child["metadata"]["labels"]
                unqueued = self.spec.get("suspend") and in_queue
                started = self.status.start_time is not None or first_run_time(self.status, self.observed()) is not None
                assert unqueued or not started
                lives = any(is_live(one) for one in self.observed().pods)
                assert unqueued or not lives or in_queue
                assert self.status.start_time is not None or not started
                assert not is_spec_ignored(self.status)
                self.child = None
            case ApplyStatus(manager=manager) if manager == PROGRESS_MANAGER:
                self.status = Status(**dict(leader_fields(self.status)) | dict(action.status))
            case ApplyStatus():
                self.status = Status(**dict(action.status) | dict(reported_fields(self.status)))
            case DeleteSelf():
                assert is_finished(self.status)
                self.deleted = True
            case EmitEvent():
                pass

    @rule()
    def reconcile(self) -> None:
        for _ in range(8):
            actions = () if self.deleted else make_plan(self.job(), self.observed(), INSTALLATION).actions
            if not actions:
                return
            for action in actions:
                self.do(action)
        raise AssertionError("it does not settle")

    @rule(steps=st.integers(1, 3))
    def the_operator_is_killed_after_some_steps(self, steps: int) -> None:
        if not self.deleted:
            for action in make_plan(self.job(), self.observed(), INSTALLATION).actions[:steps]:
                self.do(action)

    @rule(seconds=st.integers(1, 1000))
    def time_passes(self, seconds: int) -> None:
        self.seconds += seconds

    @precondition(lambda self: not self.status.start_time)
    @rule(limit=st.integers(0, 2))
    def spec_changes(self, limit: int) -> None:
        if self.spec["backoffLimit"] != limit:
            self.spec["backoffLimit"] = limit
            self.generation += 1

    @rule()
    def suspend_or_resume(self) -> None:
        self.spec["suspend"] = not self.spec.get("suspend", False)
        self.generation += 1

    @precondition(lambda self: not self.status.start_time)
    @rule()
    def it_is_put_into_a_queue_or_taken_out(self) -> None:
        if self.spec.pop("scheduling", None) is None:
            self.spec |= QUEUE
        self.generation += 1

    @precondition(lambda self: self.child is not None)
    @rule()
    def the_queue_of_the_namespace_takes_the_job(self) -> None:
        assert self.child is not None
        self.child["metadata"]["labels"][QUEUE_LABEL] = "default"

    @precondition(lambda self: self.child is not None)
    @rule()
    def kueue_lets_it_run_or_preempts_it(self) -> None:
        assert self.child is not None
        if QUEUE_LABEL in self.child["metadata"]["labels"]:
            self.child["spec"]["suspend"] = not self.child["spec"]["suspend"]

    @rule(ttl=st.none() | st.integers(0, 2000))
    def ttl_changes(self, ttl: int | None) -> None:
        self.spec["ttlSecondsAfterFinished"] = ttl
        self.generation += 1

    @rule()
    def a_stranger_comes_or_goes(self) -> None:
        self.stranger = not self.stranger

    @precondition(lambda self: self.child is not None)
    @rule()
    def somebody_deletes_the_job(self) -> None:
        self.child = None

    @precondition(lambda self: self.child is not None and not self.child["status"].get("conditions"))
    @rule()
    def the_job_controller_acts(self) -> None:
        assert self.child is not None
        lives = [one for one in self.pods if one["status"]["phase"] in {"Pending", "Running"}]
        crashes = [one for one in self.pods if one["status"]["phase"] == "Failed" and self.counts(one)]
        if self.child["spec"]["suspend"]:
            for one in lives:
                one["metadata"]["deletionTimestamp"] = at(self.seconds + 120)
            self.child["status"].pop("startTime", None)
        elif any(one["status"]["phase"] == "Succeeded" for one in self.pods):
            self.child["status"] |= {"conditions": [true("Complete")], "completionTime": at(self.seconds)}
        elif len(crashes) > self.child["spec"]["backoffLimit"]:
            self.child["status"] |= {"conditions": [true("Failed", "BackoffLimitExceeded", since=self.seconds)]}
        else:
            self.child["status"]["startTime"] = at(self.seconds)
            if not lives:
                self.pods.append(pod(f"digits-{len(self.pods)}", age=-self.seconds))
                self.pods[-1]["metadata"]["ownerReferences"][0]["uid"] = self.child["metadata"]["uid"]

    @staticmethod
    def counts(one: dict[str, Any]) -> bool:
        code = one["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"]
        return code != 143 and not one["status"]["conditions"]

    @precondition(lambda self: bool(self.pods))
    @rule(make=st.sampled_from([running, failed, killed, succeeded, told_to_stop, evicted]))
    def the_last_pod_goes_on(self, make: Any) -> None:
        last = self.pods[-1]
        if last["status"]["phase"] in {"Pending", "Running"}:
            self.pods[-1] = make(last["metadata"]["name"])
            self.pods[-1]["metadata"] = last["metadata"]

    @precondition(lambda self: bool(self.pods))
    @rule()
    def somebody_deletes_the_pod(self) -> None:
        self.pods[-1]["metadata"].setdefault("deletionTimestamp", at(self.seconds + 120))

    @precondition(lambda self: self.child is None and not self.status.start_time)
    @rule(reason=st.sampled_from([None, "ContinueFromNotFound", "ContinueFromUnfinished", "ContinueFromFailed"]))
    def the_one_it_goes_on_from_changes(self, reason: Any) -> None:
        self.before = reason and StatusCause(Reason(reason), "x")

    @precondition(lambda self: self.child is not None and not self.spec.get("suspend"))
    @rule(make=st.sampled_from([failed, succeeded]), seen_by_the_operator=st.booleans())
    def it_runs_to_its_end(self, make: Any, seen_by_the_operator: bool) -> None:  # noqa: FBT001
        assert self.child is not None
        while not self.child["status"].get("conditions") and not self.child["spec"]["suspend"]:
            self.the_job_controller_acts()
            self.the_last_pod_goes_on(make)
        if seen_by_the_operator:
            self.reconcile()

    @precondition(lambda self: bool(self.pods))
    @rule()
    def a_pod_vanishes(self) -> None:
        self.pods.pop()

    @rule(
        pod=st.integers(0, 2),
        attempt=st.integers(0, 3),
        sequence=st.integers(0, 9),
        epoch=st.integers(0, 10),
        stage=st.sampled_from(["Loading", "Training", "Storing", "Done"]),
        waits=st.booleans(),
        warnings=st.lists(st.sampled_from([MISSING, CHANCE]), max_size=2),
    )
    def a_report_comes(  # noqa: PLR0917 - a rule's arguments
        self,
        pod: int,
        attempt: int,
        sequence: int,
        epoch: int,
        stage: str,
        waits: bool,  # noqa: FBT001
        warnings: list[dict[str, str]],
    ) -> None:
        waiting = {"reason": "EndpointUnreachable", "since": NOW + timedelta(seconds=self.seconds)} if waits else None
        one = report(attempt=attempt, sequence=sequence, epoch=epoch, stage=stage, waiting=waiting, warnings=warnings)
        created = at(pod)
        if not is_newer(one, created, self.status):
            return
        before = self.status.progress
        now = NOW + timedelta(seconds=self.seconds)
        reported = reported_status(one, now, self.status, pod_created=created)
        self.status = Status(**dict(leader_fields(self.status)) | dict(reported))
        if before and reported.progress:
            order, known = ((each.attempt, each.sequence) for each in (reported.progress, before))
            assert order >= known or (attempt, reported.progress.pod_created) == (0, created)
            if attempt == 0 < before.attempt:
                assert (order, created > (before.pod_created or "")) == (known, True)
            if stage == "Loading":
                assert (reported.progress.epoch, reported.progress.step) >= (before.epoch, before.step)

    @invariant()
    def what_is_over_stays_over(self) -> None:
        now = (self.status.state, self.status.completion_time, self.status.attempt, self.status.start_time)
        if self.over is not None:
            assert now == self.over
        elif is_finished(self.status):
            self.over = now

    @invariant()
    def complete_and_failed_exclude_each_other(self) -> None:
        assert not (is_true(self.status.conditions, "Complete") and is_true(self.status.conditions, "Failed"))
        if self.status.conditions:
            assert len(self.status.conditions) in {6, 7, 8}

    @invariant()
    def the_status_is_idempotent(self) -> None:
        if self.deleted:
            return
        once = derive_status(self.job(), self.observed())
        again = training_job(
            Status(**dict(once) | dict(reported_fields(self.status))), generation=self.generation, **self.spec
        )
        assert derive_status(again, self.observed()) == once
        assert ReportedStatus.model_validate(reported_fields(self.status).dump()) == reported_fields(self.status)


World.TestCase.settings = settings(max_examples=40, stateful_step_count=30)
TestWorld = World.TestCase


def test_created_job() -> None:
    assert applied(training_job(), seen(), CreateChild).body == batch_job(training_job(), INSTALLATION)
