"""Changes of the spec: a Job is replaced until a container has run, and continues unchanged afterwards."""

from dataclasses import replace
from typing import Any

import pytest
from epochal_api.trainingjob.status import Status
from epochal_operator.runtime.actions import ApplyStatus, DeleteChild, EmitEvent, PatchChild
from epochal_operator.runtime.conditions import get_condition, is_true
from epochal_operator.trainingjob.job.observed import Observed
from epochal_operator.trainingjob.plan import make_plan, plan_for_invalid_spec
from epochal_operator.trainingjob.reconcile import parse_and_plan
from epochal_operator.trainingjob.status.predicates import is_spec_ignored

from tests.unit.operator.objects import (
    INSTALLATION,
    SUSPENDED,
    at,
    child,
    condition,
    deleting,
    document,
    failed,
    never_ran,
    pod,
    required,
    running,
    seen,
    training_job,
    waits,
)
from tests.unit.operator.planned import applied, applied_status, steps

STARTED = {"startTime": at(-60)}
CHANGED = training_job(backoffLimit=9, generation=2)


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (seen(child()), [PatchChild]),
        (seen(child(), pod()), [PatchChild]),
        (seen(child(SUSPENDED), deleting(pod(), 60)), [EmitEvent, ApplyStatus]),
        (seen(child(SUSPENDED)), [DeleteChild]),
        (seen(deleting(child(SUSPENDED))), [EmitEvent, ApplyStatus]),
        (seen(child(SUSPENDED), failed(code=143)), [PatchChild]),
    ],
)
def test_job_of_an_invalid_spec_is_deleted_unless_it_has_started(observed: Observed, expected: list[Any]) -> None:
    metadata = training_job(generation=2).metadata
    assert [type(one) for one in plan_for_invalid_spec(metadata, Status(), "no", observed).actions] == expected


def test_invalid_spec_of_another_version_keeps_its_pending_pod() -> None:
    waits = seen(child(startTime=at(-60)), pod(node=None))
    after = applied_status(plan_for_invalid_spec(training_job().metadata, Status(), "spec.new: unknown", waits).actions)
    assert after.state == "Queued"


def test_job_that_was_suspended_for_replacement_resumes_if_it_has_run() -> None:
    """A container has started at the moment of the change: the Job keeps its spec."""
    spec_ignored = seen(child(SUSPENDED), failed(code=143))
    assert applied(CHANGED, spec_ignored, PatchChild).spec == {"suspend": False}
    patched = replace(spec_ignored, job=child())
    after = applied_status(make_plan(CHANGED, patched, INSTALLATION).actions)
    applied_condition = condition(after, "SpecApplied")
    assert (applied_condition.status, applied_condition.reason) == ("False", "SpecIgnored")
    assert applied_condition.message.startswith("spec.backoffLimit changed too late: a container of the Job had")
    assert after.start_time is not None
    again = training_job(after, backoffLimit=9, generation=2)
    assert steps(again, patched) == []
    recreated = applied_status(make_plan(again, seen(child(CHANGED), running()), INSTALLATION).actions)
    assert is_true(recreated.conditions, "SpecApplied")


def test_pod_that_ended_before_its_container_has_not_run() -> None:
    """The image was missing when the Job was suspended: the kubelet reports a terminated container."""
    gives_way = seen(child(SUSPENDED), never_ran())
    assert steps(CHANGED, gives_way) == [DeleteChild]
    evicted = seen(child(), never_ran())
    assert applied_status(make_plan(training_job(), evicted, INSTALLATION).actions).start_time is None


def test_deleted_pods_that_never_ran_do_not_count_as_a_start() -> None:
    """A job whose image is missing is suspended: its Job counts the pod as failed, which goes once it is counted."""
    status = Status()
    for observed in (
        seen(child(SUSPENDED), pod(waiting={"reason": "ImagePullBackOff"})),
        seen(child(SUSPENDED), never_ran()),
        seen(child(SUSPENDED, failed=1)),
    ):
        actions = make_plan(training_job(status, suspend=True), observed, INSTALLATION).actions
        status = applied_status(actions) if actions else status
        assert status.start_time is None
    gone = seen(child(SUSPENDED, failed=1))
    assert steps(training_job(status, suspend=True, backoffLimit=9, generation=2), gone) == [DeleteChild]
    another = seen(child(SUSPENDED, uid="another", failed=1))
    ran = applied_status(make_plan(training_job(status, suspend=True), another, INSTALLATION).actions)
    assert (ran.start_time, ran.unstarted) == (at(0), None)
    refused = applied_status(
        plan_for_invalid_spec(CHANGED.metadata, status, "no", seen(child(SUSPENDED), pod())).actions
    )
    assert refused.unstarted == status.unstarted


def test_lost_spec_blocks_the_job() -> None:
    """A change of the spec came too late, and then a user or a queue deleted the Job."""
    patched = seen(child(), running())
    before = applied_status(make_plan(CHANGED, patched, INSTALLATION).actions)
    assert condition(before, "SpecApplied").status == "False"
    after = applied_status(make_plan(training_job(before, backoffLimit=9, generation=2), seen(), INSTALLATION).actions)
    ready, still = (get_condition(after.conditions, kind) for kind in ("Ready", "SpecApplied"))
    assert ready is not None
    assert (ready.status, ready.reason, required(still).status) == ("False", "SpecLost", "False")
    assert is_true(after.conditions, "Stalled")


@pytest.mark.parametrize(
    ("before", "generation", "ignored"),
    [
        (Status(), 2, True),
        (Status(observed_generation=1), 2, True),
        (applied_status(plan_for_invalid_spec(CHANGED.metadata, Status(), "no", seen()).actions), 2, True),
        (Status(), 1, False),
        (Status(observed_generation=2), 2, False),
        (Status(observed_generation=1, start_time=at(-60)), 2, False),
    ],
)
def test_late_change_to_an_invalid_spec_is_ignored(
    before: Status,
    generation: int,
    ignored: bool,  # noqa: FBT001
) -> None:
    """A started Job continues, although the operator refuses the new spec."""
    graph = {"input": {"shape": [1]}, "layers": [{"layer": "Dense", "inputs": ["nowhere"]}]}
    broken = document(before.dump(), generation=generation, network=graph)
    started = seen(child(startTime=at(-60)), running())
    actions = parse_and_plan(broken, started, INSTALLATION).actions
    after = applied_status(actions)
    assert (after.state, is_spec_ignored(after)) == ("Starting", ignored)
    assert ("SpecIgnored" in [one.event.reason for one in actions if isinstance(one, EmitEvent)]) is ignored
    again = broken | {"status": after.dump()}
    assert parse_and_plan(again, started, INSTALLATION).actions == ()
    ready = condition(applied_status(parse_and_plan(again, seen(), INSTALLATION).actions))
    assert ready.reason == ("SpecLost" if ignored else "InvalidSpec")


def test_replacement_names_the_pod_that_it_waits_for() -> None:
    after = applied_status(make_plan(CHANGED, seen(child(SUSPENDED), deleting(pod(), 60)), INSTALLATION).actions)
    ready = condition(after)
    assert (after.state, ready.status, ready.reason) == ("Queued", "False", "Creating")
    assert "Recreating the Job with the current spec" in ready.message
    assert "once the pod digits-1 has ended" in ready.message


def test_changed_installation_is_no_spec_change() -> None:
    other = replace(INSTALLATION, trainer_image="epochal-trainer:next")
    found = make_plan(training_job(generation=2), seen(child(SUSPENDED)), other)
    assert [type(one) for one in found.actions] == [DeleteChild]
    after = applied_status(make_plan(training_job(STARTED, generation=2), seen(child(), running()), other).actions)
    assert get_condition(after.conditions, "SpecApplied") is None
    for generation in (1, 2):
        waits = make_plan(training_job(generation=generation), seen(child(startTime=at(-60)), pod(node=None)), other)
        assert [type(one) for one in waits.actions] == [ApplyStatus], "it keeps its place in the scheduler's queue"


@pytest.mark.parametrize("word", ["ErrImagePull", "InvalidImageName"])
def test_corrected_image_of_the_installation_replaces_a_stuck_job(word: str) -> None:
    corrected = replace(INSTALLATION, trainer_image="example.com/epochal-trainer:test")
    stuck = seen(child(startTime=at(-60)), waits(word))
    known = Status.model_validate({"unstarted": {"jobUid": "job-uid", "pods": ["uid-of-digits-1"]}})
    ended = seen(child(SUSPENDED, failed=1))
    assert [type(one) for one in make_plan(training_job(), stuck, corrected).actions] == [PatchChild]
    assert [type(one) for one in make_plan(training_job(known), ended, corrected).actions] == [DeleteChild]
    assert steps(training_job(), stuck) == [EmitEvent, ApplyStatus]
    own = training_job(image="example.com/mine:1")
    stuck_too = seen(child(own, startTime=at(-60)), waits(word))
    assert [type(one) for one in make_plan(own, stuck_too, corrected).actions] == [EmitEvent, ApplyStatus]


def test_event_of_a_spec_change() -> None:
    event = applied(CHANGED, seen(child(SUSPENDED)), DeleteChild).event
    assert (event.type, event.reason, event.key) == ("Normal", "SpecChanged", "2")
    assert "Recreating the Job" in event.note
    assert applied(training_job(backoffLimit=9), seen(child(SUSPENDED)), DeleteChild).event is None


def test_job_of_an_invalid_spec_that_started_without_an_operator_stays() -> None:
    started = seen(child(startTime=at(-60)), running())
    after = applied_status(plan_for_invalid_spec(training_job().metadata, Status(), "no", started).actions)
    assert (after.state, after.start_time) == ("Starting", at(-50))


@pytest.mark.parametrize(("limit", "reasons"), [(9, ["SpecIgnored", "Started"]), (3, ["Started"])])
def test_late_change_has_one_event(limit: int, reasons: list[str]) -> None:
    observed = seen(child(startTime=at(-60)), running())
    job = training_job(backoffLimit=limit, generation=2)
    actions = make_plan(job, observed, INSTALLATION).actions
    assert [one.event.reason for one in actions if isinstance(one, EmitEvent)] == reasons
    assert steps(training_job(applied_status(actions), backoffLimit=limit, generation=2), observed) == []
