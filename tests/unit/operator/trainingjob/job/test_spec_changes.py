"""What a change of the spec does to a Job: whether that gives way to another one, or goes on as it began."""

from dataclasses import replace
from typing import Any

import pytest
from epochal_api.trainingjob.status import Status
from epochal_operator.runtime.actions import ApplyStatus, DeleteChild, EmitEvent, PatchChild
from epochal_operator.runtime.conditions import get_condition, is_true
from epochal_operator.trainingjob.job.observed import Observed
from epochal_operator.trainingjob.plan import plan, refuse
from epochal_operator.trainingjob.reconcile import make_plan
from epochal_operator.trainingjob.status.predicates import is_spec_ignored

from tests.unit.operator.objects import (
    INSTALLATION,
    SUSPENDED,
    at,
    child,
    document,
    failed,
    going,
    never_ran,
    pod,
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
        (seen(child(SUSPENDED), going(pod(), 60)), [EmitEvent, ApplyStatus]),
        (seen(child(SUSPENDED)), [DeleteChild]),
        (seen(going(child(SUSPENDED))), [EmitEvent, ApplyStatus]),
        (seen(child(SUSPENDED), failed(code=143)), [PatchChild]),
    ],
)
def test_a_broken_spec_has_its_job_deleted_unless_it_has_started(observed: Observed, expected: list[Any]) -> None:
    metadata = training_job(generation=2).metadata
    assert [type(one) for one in refuse(metadata, Status(), "no", observed).actions] == expected


def test_a_spec_that_only_another_version_understands_keeps_its_place_in_the_schedulers_queue() -> None:
    waits = seen(child(startTime=at(-60)), pod(node=None))
    after = applied_status(refuse(training_job().metadata, Status(), "spec.new: unknown", waits).actions)
    assert after.state == "Queued"


def test_what_was_suspended_to_see_whether_it_has_run_goes_on_if_it_has() -> None:
    """A container has started at the moment of the change: the Job keeps the spec that it was made of."""
    overtaken = seen(child(SUSPENDED), failed(code=143))
    assert applied(CHANGED, overtaken, PatchChild).spec == {"suspend": False}
    patched = replace(overtaken, child=child())
    after = applied_status(plan(CHANGED, patched, INSTALLATION).actions)
    told = get_condition(after.conditions, "SpecApplied")
    assert told is not None
    assert (told.status, told.reason) == ("False", "SpecIgnored")
    assert after.start_time is not None
    again = training_job(after, backoffLimit=9, generation=2)
    assert steps(again, patched) == []
    made_anew = applied_status(plan(again, seen(child(CHANGED), running()), INSTALLATION).actions)
    assert is_true(made_anew.conditions, "SpecApplied")


def test_a_pod_that_ended_before_its_container_was_made_has_not_run() -> None:
    """Its image was missing when the Job was suspended: a kubelet says of its container that it has ended."""
    gives_way = seen(child(SUSPENDED), never_ran())
    assert steps(CHANGED, gives_way) == [DeleteChild]
    evicted = seen(child(), never_ran())
    assert applied_status(plan(training_job(), evicted, INSTALLATION).actions).start_time is None


def test_pods_that_never_ran_count_for_nothing_once_they_are_gone_either() -> None:
    """A job whose image is missing is suspended: its Job counts the pod as failed, which goes once it is counted."""
    status = Status()
    for observed in (
        seen(child(SUSPENDED), pod(waiting={"reason": "ImagePullBackOff"})),
        seen(child(SUSPENDED), never_ran()),
        seen(child(SUSPENDED, failed=1)),
    ):
        actions = plan(training_job(status, suspend=True), observed, INSTALLATION).actions
        status = applied_status(actions) if actions else status
        assert status.start_time is None
    gone = seen(child(SUSPENDED, failed=1))
    assert steps(training_job(status, suspend=True, backoffLimit=9, generation=2), gone) == [DeleteChild]
    another = seen(child(SUSPENDED, uid="another", failed=1))
    ran = applied_status(plan(training_job(status, suspend=True), another, INSTALLATION).actions)
    assert (ran.start_time, ran.unstarted) == (at(0), None)
    refused = applied_status(refuse(CHANGED.metadata, status, "no", seen(child(SUSPENDED), pod())).actions)
    assert refused.unstarted == status.unstarted


def test_no_other_job_trains_on_what_was_trained_by_a_spec_that_is_gone() -> None:
    """A change of the spec came too late, and then somebody deleted the Job, or a queue took it back."""
    patched = seen(child(), running())
    before = applied_status(plan(CHANGED, patched, INSTALLATION).actions)
    told = get_condition(before.conditions, "SpecApplied")
    assert told is not None
    assert told.status == "False"
    after = applied_status(plan(training_job(before, backoffLimit=9, generation=2), seen(), INSTALLATION).actions)
    ready, still = (get_condition(after.conditions, kind) for kind in ("Ready", "SpecApplied"))
    assert ready is not None
    assert still is not None
    assert (ready.status, ready.reason, still.status) == ("False", "SpecLost", "False")
    assert is_true(after.conditions, "Stalled")


@pytest.mark.parametrize(
    ("before", "generation", "told"),
    [
        (Status(), 2, True),
        (Status(observed_generation=1), 2, True),
        (applied_status(refuse(CHANGED.metadata, Status(), "no", seen()).actions), 2, True),
        (Status(), 1, False),
        (Status(observed_generation=2), 2, False),
        (Status(observed_generation=1, start_time=at(-60)), 2, False),
    ],
)
def test_a_change_that_came_too_late_is_told_though_it_breaks_a_rule(
    before: Status,
    generation: int,
    told: bool,  # noqa: FBT001
) -> None:
    """Rules that only the operator knows: what has begun goes on, whatever its spec says by now."""
    graph = {"input": {"shape": [1]}, "layers": [{"layer": "Dense", "inputs": ["nowhere"]}]}
    broken = document(before.dump(), generation=generation, network=graph)
    started = seen(child(startTime=at(-60)), running())
    actions = make_plan(broken, started, INSTALLATION).actions
    after = applied_status(actions)
    assert (after.state, is_spec_ignored(after)) == ("Running", told)
    assert ("SpecIgnored" in [one.event.reason for one in actions if isinstance(one, EmitEvent)]) is told
    again = broken | {"status": after.dump()}
    assert make_plan(again, started, INSTALLATION).actions == ()
    ready = get_condition(applied_status(make_plan(again, seen(), INSTALLATION).actions).conditions, "Ready")
    assert ready is not None
    assert ready.reason == ("SpecLost" if told else "InvalidSpec")


def test_while_a_job_gives_way_it_is_said_for_which_pod_it_waits() -> None:
    after = applied_status(plan(CHANGED, seen(child(SUSPENDED), going(pod(), 60)), INSTALLATION).actions)
    ready = get_condition(after.conditions, "Ready")
    assert ready is not None
    assert (after.state, ready.status, ready.reason) == ("Queued", "False", "Creating")
    assert "made anew, of the spec as it is now" in ready.message
    assert "once the pod digits-1 has ended" in ready.message


def test_a_change_of_the_installation_is_no_change_of_the_spec() -> None:
    other = replace(INSTALLATION, trainer_image="epochal-trainer:next")
    found = plan(training_job(generation=2), seen(child(SUSPENDED)), other)
    assert [type(one) for one in found.actions] == [DeleteChild]
    told = applied_status(plan(training_job(STARTED, generation=2), seen(child(), running()), other).actions)
    assert get_condition(told.conditions, "SpecApplied") is None
    for generation in (1, 2):
        waits = plan(training_job(generation=generation), seen(child(startTime=at(-60)), pod(node=None)), other)
        assert [type(one) for one in waits.actions] == [ApplyStatus], "it keeps its place in the scheduler's queue"


@pytest.mark.parametrize("word", ["ErrImagePull", "InvalidImageName"])
def test_an_image_that_was_mended_in_the_installation_reaches_a_job_that_waits_for_it(word: str) -> None:
    mended = replace(INSTALLATION, trainer_image="example.com/epochal-trainer:test")
    stuck = seen(child(startTime=at(-60)), waits(word))
    known = Status.model_validate({"unstarted": {"jobUid": "job-uid", "pods": ["uid-of-digits-1"]}})
    ended = seen(child(SUSPENDED, failed=1))
    assert [type(one) for one in plan(training_job(), stuck, mended).actions] == [PatchChild]
    assert [type(one) for one in plan(training_job(known), ended, mended).actions] == [DeleteChild]
    assert steps(training_job(), stuck) == [EmitEvent, ApplyStatus]
    own = training_job(image="example.com/mine:1")
    stuck_too = seen(child(own, startTime=at(-60)), waits(word))
    assert [type(one) for one in plan(own, stuck_too, mended).actions] == [EmitEvent, ApplyStatus]


def test_the_event_of_a_change_says_what_is_done() -> None:
    told = applied(CHANGED, seen(child(SUSPENDED)), DeleteChild).event
    assert (told.type, told.reason, told.key) == ("Normal", "SpecChanged", "2")
    assert "made anew" in told.note
    assert applied(training_job(backoffLimit=9), seen(child(SUSPENDED)), DeleteChild).event is None


def test_a_broken_spec_leaves_a_job_that_started_while_nobody_was_there() -> None:
    started = seen(child(startTime=at(-60)), running())
    after = applied_status(refuse(training_job().metadata, Status(), "no", started).actions)
    assert (after.state, after.start_time) == ("Running", at(-50))


@pytest.mark.parametrize(("limit", "reasons"), [(9, ["SpecIgnored", "Started"]), (3, ["Started"])])
def test_a_spec_that_came_too_late_is_told(limit: int, reasons: list[str]) -> None:
    observed = seen(child(startTime=at(-60)), running())
    job = training_job(backoffLimit=limit, generation=2)
    actions = plan(job, observed, INSTALLATION).actions
    assert [one.event.reason for one in actions if isinstance(one, EmitEvent)] == reasons
    assert steps(training_job(applied_status(actions), backoffLimit=limit, generation=2), observed) == []
