"""The Events for transitions of a TrainingJob."""

from datetime import timedelta
from typing import Any

import pytest
from epochal_api.trainingjob.status import ReportedStatus, Status
from epochal_operator.runtime.conditions import get_condition
from epochal_operator.trainingjob.progress.reported_status import reported_status
from epochal_operator.trainingjob.reasons import Reason, StatusCause
from epochal_operator.trainingjob.status.events import events
from epochal_operator.trainingjob.status.status import derive_status, status_of_refused_spec, with_exported_condition

from tests.unit.operator.objects import (
    NOW,
    at,
    child,
    deleting,
    disrupted,
    failed,
    pod,
    report,
    running,
    seen,
    succeeded,
    termination,
    training_job,
    true,
    unscheduled,
    waits,
)

METADATA = training_job().metadata
PAUSED = training_job(suspend=True)


NOTHING = (training_job(), seen())
QUEUED = (training_job(), seen(child()))
STARTING = (training_job(), seen(child(), pod()))
RUNNING = (training_job(), seen(child(startTime="2026-11-25T11:59:00Z"), running("a")))
STUCK = (training_job(), seen(child(), pod("a", waiting={"reason": "ErrImagePull", "message": "no"})))
STILL_STUCK = (training_job(), seen(child(), pod("a", waiting={"reason": "ImagePullBackOff", "message": "later"})))
STOPPING = (training_job(), seen(child(), deleting(disrupted(running("a")), 60)))
EVICTED = (training_job(), seen(child(), deleting(disrupted(failed("a", 143)), 60)))
LOST = (training_job(), seen(child(), deleting(running("a"), -60)))
VANISHED = (training_job(), seen(child(), pod("b")))
ANOTHER = (training_job(), seen(child(), running("b")))
SUSPENDING = (PAUSED, seen(child(PAUSED), deleting(running("a"), 60)))
CRASHED = (training_job(), seen(child(), failed("a", message="boom")))
AGAIN = (training_job(), seen(child(), failed("a", message="boom", age=90), running("b")))
LAST = (training_job(backoffLimit=0), seen(child(training_job(backoffLimit=0)), failed("a")))
SUSPENDED = (PAUSED, seen(child(PAUSED)))
CONFLICT = (training_job(), seen(blocked=StatusCause(Reason.NAME_CONFLICT, "a Job digits exists")))
REJECTED = (training_job(), seen(blocked=StatusCause(Reason.JOB_REJECTED, "refused")))
REFUSED = (training_job(), seen(child(startTime="2026-11-25T11:59:00Z"), pod_rejection="exceeded quota"))
REFUSED_AGAIN = (
    training_job(),
    seen(child(startTime="2026-11-25T11:59:00Z"), failed("a"), pod_rejection="exceeded quota"),
)
SECRETLESS = (training_job(), seen(child(), waits("CreateContainerConfigError", "no secret")))
GATED = (training_job(), seen(child(), unscheduled("gates")))
GATED[1].pods[0]["status"]["conditions"][0]["reason"] = "SchedulingGated"
CLEANUP = (training_job(), seen(blocked=StatusCause(Reason.CLEANUP, "soon")))
NOT_FOUND = (training_job(), seen(blocked=StatusCause(Reason.CONTINUE_FROM_NOT_FOUND, "no TrainingJob first")))
UNFINISHED = (training_job(), seen(blocked=StatusCause(Reason.CONTINUE_FROM_UNFINISHED, "first is Running")))
EMPTY = (training_job(), seen(blocked=StatusCause(Reason.CONTINUE_FROM_FAILED, "first is Failed")))
COMPLETE = (
    training_job(),
    seen(
        child(conditions=[true("Complete")], startTime="2026-11-25T11:58:00Z", completionTime="2026-11-25T12:00:00Z"),
        succeeded("a"),
    ),
)
FAILED = (
    training_job(),
    seen(child(conditions=[true("Failed", "PodFailurePolicy")]), failed("a", 64, termination("InvalidNetwork", "no"))),
)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, NOTHING, []),
        (None, QUEUED, []),
        (QUEUED, STARTING, []),
        (None, RUNNING, [("Normal", "Started")]),
        (STARTING, RUNNING, [("Normal", "Started")]),
        (STARTING, STUCK, [("Warning", "ImagePullBackOff")]),
        (STUCK, STUCK, []),
        (STUCK, STILL_STUCK, []),
        (RUNNING, STOPPING, []),
        (STOPPING, EVICTED, [("Warning", "Restarting")]),
        (RUNNING, EVICTED, [("Warning", "Restarting")]),
        (STOPPING, VANISHED, [("Warning", "Restarting")]),
        (RUNNING, VANISHED, [("Warning", "Restarting")]),
        (RUNNING, QUEUED, [("Warning", "Restarting")]),
        (RUNNING, ANOTHER, [("Warning", "Restarting"), ("Normal", "Started")]),
        (RUNNING, (training_job(), seen(child(), failed("a"), pod("b"))), [("Warning", "Restarting")]),
        (RUNNING, (training_job(), seen(child(), succeeded("a"))), []),
        (RUNNING, (training_job(), seen(None, running("a"))), []),
        (EVICTED, VANISHED, []),
        (VANISHED, ANOTHER, [("Normal", "Started")]),
        (LOST, RUNNING, [("Normal", "Started")]),
        (LOST, VANISHED, [("Warning", "Restarting")]),
        (SUSPENDING, VANISHED, []),
        (RUNNING, LOST, [("Warning", "NodeLost")]),
        (LOST, LOST, []),
        (RUNNING, SUSPENDING, []),
        (SUSPENDING, SUSPENDED, [("Normal", "Suspended")]),
        (RUNNING, CRASHED, [("Warning", "Restarting")]),
        (CRASHED, AGAIN, [("Warning", "Restarting"), ("Normal", "Started")]),
        (RUNNING, AGAIN, [("Warning", "Restarting"), ("Normal", "Started")]),
        (RUNNING, LAST, []),
        (RUNNING, COMPLETE, [("Normal", "Completed")]),
        (None, COMPLETE, [("Normal", "Completed")]),
        (COMPLETE, COMPLETE, []),
        (RUNNING, FAILED, [("Warning", "InvalidNetwork")]),
        (None, SUSPENDED, [("Normal", "Suspended")]),
        (RUNNING, SUSPENDED, [("Normal", "Suspended")]),
        (SUSPENDED, QUEUED, [("Normal", "Resumed")]),
        (None, CONFLICT, [("Warning", "NameConflict")]),
        (CONFLICT, CONFLICT, []),
        (CONFLICT, QUEUED, []),
        (None, REJECTED, [("Warning", "JobRejected")]),
        (None, CLEANUP, []),
        (None, NOT_FOUND, [("Normal", "ContinueFromNotFound")]),
        (NOT_FOUND, UNFINISHED, []),
        (UNFINISHED, EMPTY, [("Warning", "ContinueFromFailed")]),
        (QUEUED, REFUSED, [("Warning", "PodRefused")]),
        (RUNNING, REFUSED_AGAIN, [("Warning", "Restarting"), ("Warning", "PodRefused")]),
        (STARTING, SECRETLESS, [("Warning", "CreateContainerConfigError")]),
        (STARTING, GATED, []),
    ],
)
def test_events_of_transitions(before: Any, after: Any, expected: list[tuple[str, str]]) -> None:
    was = derive_status(*before) if before else Status()
    job, observed = after
    now = derive_status(training_job(was, suspend=job.spec.suspend, backoffLimit=job.spec.backoff_limit), observed)
    found = list(events(METADATA, was, now, observed, ReportedStatus()))
    assert [(one.type, one.reason) for one in found] == expected


def test_resume_has_an_event_while_a_pod_is_on_a_lost_node() -> None:
    suspended = derive_status(*SUSPENDED)
    was = derive_status(training_job(suspended, suspend=True), seen(child(PAUSED), deleting(running("a"), -60)))
    now = derive_status(training_job(was), LOST[1])
    ready = [get_condition(status.conditions, "Ready") for status in (was, now)]
    assert ready[0] == ready[1]
    lost = events(METADATA, suspended, was, LOST[1], ReportedStatus(), suspend=True)
    assert [one.reason for one in lost] == ["NodeLost"]
    assert [one.reason for one in events(METADATA, was, now, LOST[1], ReportedStatus())] == ["Resumed"]


def test_a_trainer_starts_once() -> None:
    was = derive_status(*STARTING)
    found, reasons = [], []
    for changes in ({"attempt": 0}, {"start_stage": "LoadingData"}, {"start_stage": "ComputingFirstStep"}, {}):
        reported = reported_status(report(stage="Loading" if changes else "Training", **changes), NOW)
        fields = dict(was) if changes.get("attempt") == 0 else dict(was) | dict(reported)
        now = derive_status(training_job(Status(**fields)), RUNNING[1])
        found += [one.note for one in events(METADATA, was, now, RUNNING[1], reported)]
        reasons.append(get_condition(now.conditions, "Ready").reason)  # type: ignore[union-attr]
        was = now
    assert reasons == ["ImportingKeras", "LoadingData", "ComputingFirstStep", "Running"]
    assert found == ["The pod a runs on node node-1."]


RESUMED_JOB = child(startTime=at(-9))
"""A Job that was suspended, and resumed 9 seconds ago while its earlier pod was terminating."""
EARLIER_POD = deleting(failed("a", 143))
QUEUED_JOB = child(training_job(scheduling={"queueName": "gpus"}), startTime=at(-9))


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (seen(RESUMED_JOB, EARLIER_POD), []),
        (seen(RESUMED_JOB, deleting(failed("a", 137))), []),
        (seen(RESUMED_JOB, deleting(failed("a", 143, message=termination("Superseded", "2 replaces 1")))), []),
        (seen(RESUMED_JOB, EARLIER_POD, running("b", age=5)), ["Started"]),
        (seen(RESUMED_JOB, pod("b", age=5)), []),
        (seen(RESUMED_JOB, failed("a", message="boom")), ["Restarting"]),
        (seen(RESUMED_JOB, deleting(failed("a", 143, age=5))), ["Restarting"]),
        (seen(child(startTime=at(-99)), EARLIER_POD), ["Restarting"]),
        (seen(child(startTime=at(-99)), pod("b", age=5)), ["Restarting"]),
        (seen(QUEUED_JOB, EARLIER_POD), ["Restarting"]),
    ],
)
def test_resume_before_the_end_of_the_pod_is_no_restart(observed: Any, expected: list[str]) -> None:
    reported = reported_status(report(), NOW - timedelta(seconds=30))
    was = derive_status(training_job(reported), STOPPING[1])
    now = derive_status(training_job(Status(**dict(was) | dict(reported))), observed)
    found = list(events(METADATA, Status(**dict(was) | dict(reported)), now, observed, reported))
    assert [one.reason for one in found] == expected


def test_crash_has_one_event() -> None:
    keys = set()
    for observed in (CRASHED[1], AGAIN[1]):
        before = derive_status(*RUNNING)
        now = derive_status(training_job(before), observed)
        (event,) = [one for one in events(METADATA, before, now, observed, ReportedStatus()) if one.type == "Warning"]
        assert "boom" in event.note
        keys.add((event.reason, event.key))
    assert len(keys) == 1


def test_deleted_pod_has_an_event_with_its_last_state() -> None:
    before = derive_status(*STOPPING)
    now = derive_status(training_job(before), VANISHED[1])
    (event,) = events(METADATA, before, now, VANISHED[1], ReportedStatus())
    assert event.note.startswith(
        "The pod was deleted, another pod follows. The last state of the pod: The pod a is terminating (Ev"
    )
    assert event.key == "attempt 1"


def test_refused_spec_has_an_event_for_each_generation() -> None:
    keys = []
    for generation in (1, 2):
        metadata = training_job(generation=generation).metadata
        now = status_of_refused_spec(metadata, Status(), "spec.network: no", NOW)
        (event,) = events(metadata, Status(), now, seen(), ReportedStatus())
        assert (event.type, event.reason, event.note) == ("Warning", "InvalidSpec", "spec.network: no")
        keys.append(event.key)
    assert len(set(keys)) == 2


@pytest.mark.parametrize("word", ["Queued", "Started", "Suspended"])
def test_failure_is_a_warning_for_any_reason(word: str) -> None:
    observed = seen(child(conditions=[true("Failed", "PodFailurePolicy")]), failed("a", 64, termination(word, "no")))
    now = derive_status(training_job(derive_status(*RUNNING)), observed)
    (event,) = events(METADATA, derive_status(*RUNNING), now, observed, ReportedStatus())
    assert (event.type, event.reason) == ("Warning", word)


def waiting(since: str, message: str = "no answer", stage: str = "Training") -> ReportedStatus:
    cause = {"reason": "EndpointUnreachable", "message": message, "since": since}
    return reported_status(report(stage=stage, waiting=cause), NOW)


GAVE_UP = (training_job(), seen(child(), failed("a", 64, termination("EndpointUnreachable", "tried for 30s"))))
EARLIER, LATER = "2026-11-25T11:50:00Z", "2026-11-25T11:59:00Z"
CONTINUES = reported_status(report(sequence=6), NOW)


@pytest.mark.parametrize(
    ("before", "figures", "observed", "expected"),
    [
        (None, waiting(EARLIER), RUNNING[1], [("Warning", "StorageUnavailable", EARLIER)]),
        (waiting(EARLIER), waiting(EARLIER), RUNNING[1], []),
        (
            waiting(EARLIER),
            waiting(EARLIER, "still no answer"),
            RUNNING[1],
            [("Warning", "StorageUnavailable", EARLIER)],
        ),
        (waiting(EARLIER), waiting(LATER, "no room"), RUNNING[1], [("Warning", "StorageUnavailable", LATER)]),
        (waiting(EARLIER), CONTINUES, RUNNING[1], [("Normal", "StorageAvailable", at(0))]),
        (None, waiting(EARLIER, stage="Loading"), RUNNING[1], [("Warning", "StorageUnavailable", EARLIER)]),
        (
            waiting(EARLIER, stage="Loading"),
            CONTINUES,
            RUNNING[1],
            [("Normal", "StorageAvailable", at(0)), ("Normal", "Started", "uid-of-a")],
        ),
        (
            waiting(EARLIER, stage="Loading"),
            waiting(EARLIER, stage="Loading"),
            VANISHED[1],
            [("Warning", "Restarting", "attempt 1")],
        ),
        (waiting(EARLIER), waiting(EARLIER), CRASHED[1], [("Warning", "Restarting", "uid-of-a")]),
        (waiting(EARLIER), waiting(EARLIER), GAVE_UP[1], []),
        (waiting(EARLIER), CONTINUES, GAVE_UP[1], []),
        (waiting(EARLIER), CONTINUES, CRASHED[1], [("Warning", "Restarting", "uid-of-a")]),
        (waiting(EARLIER), waiting(EARLIER), COMPLETE[1], [("Normal", "Completed", "")]),
        (CONTINUES, CONTINUES, RUNNING[1], []),
    ],
)
def test_storage_outage_has_one_event(
    before: ReportedStatus | None, figures: ReportedStatus, observed: Any, expected: list[tuple[str, str, str]]
) -> None:
    def after(was: Status, reported: ReportedStatus, observed: Any) -> Status:
        return derive_status(training_job(Status(**dict(was) | dict(reported))), observed)

    was = after(Status(), before or ReportedStatus(), RUNNING[1])
    found = list(events(METADATA, was, after(was, figures, observed), observed, figures))
    assert [(one.type, one.reason, one.key) for one in found] == expected


MISSING = {"reason": "MissingClasses", "message": "no nines"}
CHANCE = {"reason": "ChanceLevel", "message": "nothing is learned"}


def warning(*warnings: dict[str, str]) -> ReportedStatus:
    return reported_status(report(warnings=warnings), NOW)


@pytest.mark.parametrize(
    ("told", "figures", "warned", "expected"),
    [
        (None, warning(), None, []),
        (None, warning(MISSING, CHANCE), ["MissingClasses", "ChanceLevel"], [MISSING, CHANCE]),
        (["MissingClasses"], warning(MISSING, CHANCE), ["MissingClasses", "ChanceLevel"], [CHANCE]),
        (["MissingClasses"], warning(MISSING | {"message": "no tens"}), ["MissingClasses"], []),
        (["MissingClasses"], warning(MISSING), ["MissingClasses"], []),
    ],
)
def test_warning_has_one_event(
    told: list[str] | None, figures: ReportedStatus, warned: list[str] | None, expected: list[dict[str, str]]
) -> None:
    was = derive_status(*RUNNING).model_copy(update={"warned": told})
    now = derive_status(training_job(was), RUNNING[1]).model_copy(update={"warned": warned})
    found = list(events(METADATA, was, now, RUNNING[1], figures))
    assert [(one.type, one.reason, one.note) for one in found] == [
        ("Warning", one["reason"], one["message"]) for one in expected
    ]


def test_warning_has_its_own_key() -> None:
    job, observed = COMPLETE
    figures = warning({"reason": "Completed", "message": "not really"})
    now = derive_status(job, observed).model_copy(update={"warned": ["Completed"]})
    event = {(one.reason, one.key) for one in events(METADATA, Status(), now, observed, figures)}
    assert len(event) == 2


def test_completion_event() -> None:
    job, observed = COMPLETE
    artifacts = {"uri": "s3://results/x/", "model": "s3://results/x/model.keras"}
    figures = reported_status(report(epoch=10, artifacts=artifacts), NOW)
    (event,) = events(METADATA, Status(), derive_status(job, observed), observed, figures)
    assert event.note == "Trained 10 epochs in 1m, val_loss 0.0436. The model: s3://results/x/model.keras"


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"finishAfterEpoch": 4}, "FinishedEarly", "spec.finish"),
        ({"stoppedAfterEpoch": 4}, "StoppedAfterEpoch", "spec.training.stopAfterEpoch"),
    ],
)
def test_completion_event_of_an_early_end(changes: dict[str, int], reason: str, field: str) -> None:
    observed = COMPLETE[1]
    figures = reported_status(report(stage="Done", epoch=4, step=0, **changes), NOW)
    before = Status(**dict(figures))
    (event,) = events(METADATA, before, derive_status(training_job(before), observed), observed, figures)
    assert (event.type, event.reason) == ("Normal", reason)
    assert event.note.startswith("Trained 4 of 10 epochs in 1m, ")
    assert f"early because of {field}, val_loss 0.0436" in event.note


DIGEST = "0" * 64
ONE, OTHER = (
    {"name": f"{name}.keras", "epoch": epoch, "sha256": DIGEST} for name, epoch in (("model", 10), ("best", 2))
)


@pytest.mark.parametrize(
    ("models", "changes", "said"),
    [
        (
            [ONE, OTHER],
            {},
            "model.keras holds epoch 10 (val_loss 0.0436); best.keras holds epoch 2, the best (val_loss 0.0312)",
        ),
        (
            [ONE],
            {},
            "model.keras holds epoch 10 (val_loss 0.0436); epoch 2 was better (val_loss 0.0312), but is not stored",
        ),
        ([ONE | {"epoch": 2}], {}, "model.keras holds epoch 2, the best (val_loss 0.0312)"),
        (
            [ONE | {"epoch": 3}, OTHER],
            {},
            "model.keras holds epoch 3; best.keras holds epoch 2, the best (val_loss 0.0",
        ),
        ([ONE], {"best": None}, "model.keras holds epoch 10. Results"),
    ],
)
def test_completion_event_describes_the_models(
    models: list[dict[str, Any]], changes: dict[str, Any], said: str
) -> None:
    job, observed = COMPLETE
    artifacts = {"uri": "s3://results/x/", "model": "s3://results/x/model.keras"}
    best = {"epoch": 2, "metric": "val_loss", "mode": "Min", "value": 0.0312}
    figures = reported_status(
        report(**{"epoch": 10, "artifacts": artifacts, "models": models, "best": best} | changes), NOW
    )
    (event,) = events(METADATA, Status(), derive_status(job, observed), observed, figures)
    assert event.note.startswith(f"Trained 10 epochs in 1m. {said}")
    assert event.note.endswith(". Results: s3://results/x/")


def test_failed_export_has_one_event() -> None:
    job, observed = COMPLETE
    figures = reported_status(report(artifacts=ARTIFACTS, export=NOT_EXPORTABLE), NOW)
    after = with_exported_condition(1, Status(), derive_status(job, observed), NOW, figures)
    first, second = events(METADATA, Status(), after, observed, figures)
    assert (first.type, first.reason, first.note) == ("Warning", "NotExportable", "the layer 'hashing_0'")
    assert second.reason == "Completed"
    assert not list(events(METADATA, after, after, observed, figures))


def test_export_has_no_event() -> None:
    job, observed = COMPLETE
    figures = reported_status(report(artifacts=ARTIFACTS, export={"reason": "Exported"}), NOW)
    after = with_exported_condition(1, Status(), derive_status(job, observed), NOW, figures)
    assert [one.reason for one in events(METADATA, Status(), after, observed, figures)] == ["Completed"]


ARTIFACTS = {"uri": "s3://results/x/"}
NOT_EXPORTABLE = {"reason": "NotExportable", "message": "the layer 'hashing_0'"}
