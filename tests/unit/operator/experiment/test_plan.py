"""The plan for an Experiment in each observed state."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from epochal_operator.experiment.actions import (
    AppendEvents,
    AskSearcher,
    CreateReport,
    CreateTrial,
    ImportanceState,
    Plan,
    SuspendTrial,
)
from epochal_operator.experiment.ledger.encoding import MAX_LEDGER_BYTES
from epochal_operator.experiment.ledger.events import Event, Finished
from epochal_operator.experiment.ledger.observe import START_WRITE_SECONDS, observe_jobs
from epochal_operator.experiment.ledger.trials import apply_events
from epochal_operator.experiment.observed import Importance, Observed, ParsedSpec
from epochal_operator.experiment.plan import make_plan
from epochal_operator.experiment.plan_blocked import plan_invalid_spec
from epochal_operator.experiment.plan_trials import MAX_CREATED
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.search_space.space import Space
from epochal_operator.experiment.trial_state import jobs_by_rung
from epochal_operator.runtime.actions import ApplyStatus, DeleteSelf, EmitEvent

from tests.unit.operator.experiment.ledger.test_observe import EXPERIMENT, complete, job
from tests.unit.operator.experiment.report.test_plan import report
from tests.unit.operator.experiment.searches import created, failed, finished, ledger, spec, spec_document, started
from tests.unit.operator.experiment.test_failures import ended
from tests.unit.operator.objects import NOW, at

TWO = {"maxTrials": 2, "epochs": 1, "schedule": {"method": "None"}}
DONE: list[Event] = [created(0), created(1), finished(0, "0.5", is_last=True), finished(1, "0.6", is_last=True)]
PARAMETERS = [
    {"name": name, "paths": [f"training.optimizer.{name}"], "float": {"min": "0", "max": "1"}} for name in ("a", "b")
]


class World:
    """An Experiment and its observed state. `settled` keeps the written status."""

    def __init__(self, events: Sequence[Event] = (), *jobs: Any, status: Any = None, **changes: Any) -> None:
        given = spec_document(**changes)
        self.parsed = ParsedSpec(spec(**changes), given, Space.of(spec(**changes).parameters))
        self.events, self.jobs, self.rest = tuple(events), jobs, dict[str, Any]()
        self.now = NOW
        self.document: dict[str, Any] = {
            "apiVersion": "epochal.dev/v1alpha1",
            "kind": "Experiment",
            "metadata": EXPERIMENT | {"generation": 1},
            "spec": given,
            "status": status or {"trials": {"created": 1}},
        }

    def plan(self, **rest: Any) -> Plan:
        size = MAX_LEDGER_BYTES - rest.pop("free") if "free" in rest else 0
        own, jobs = ledger(self.events, size), jobs_by_rung(self.jobs, EXPERIMENT)
        new_events = observe_jobs(self.parsed.spec, own.trials, jobs)
        values: dict[str, Any] = {
            "ledger": own,
            "new_events": new_events,
            "trials": apply_events(new_events, own.trials),
            "jobs": jobs,
        }
        found = make_plan(self.document, self.parsed, Observed(self.now, **values | rest))
        assert not isinstance(found, StatusCause)
        return found

    def settled(self, **rest: Any) -> Plan:
        for _ in range(3):
            found = self.plan(**rest)
            written = [one.status for one in found.actions if isinstance(one, ApplyStatus)]
            if not written:
                return found
            self.document["status"] = written[0].dump()
        raise AssertionError("the status never settles")


def kinds(found: Plan) -> list[str]:
    return [type(one).__name__ for one in found.actions]


def test_the_first_trials_are_suggested_and_created() -> None:
    assert World().plan().actions == (AskSearcher((0, 1)),)
    fresh = World([created(0), created(1)], status={"state": "Queued"})
    assert kinds(fresh.plan()) == ["ApplyStatus"], "the status makes the search immutable first"
    made = [one for one in World([created(0), created(1)]).plan().actions if isinstance(one, CreateTrial)]
    assert [one.rung_key for one in made] == [(0, 0), (1, 0)]
    training = made[0].body["spec"]["training"]
    assert (training["stopAfterEpoch"], training["epochs"]) == (1, 9)
    assert training["monitor"] == {"metric": "val_accuracy", "mode": "Max"}


def test_the_number_of_created_trials_is_bounded() -> None:
    many = World([created(number) for number in range(99)], parallelism=99, maxTrials=99).plan()
    made = [one.rung_key for one in many.actions if isinstance(one, CreateTrial)]
    assert made == [(number, 0) for number in range(MAX_CREATED)]


def test_the_number_of_suggestions_is_bounded() -> None:
    many = World(parallelism=1000, maxTrials=1000)
    assert many.plan().actions == (AskSearcher(tuple(range(64))),)
    assert many.plan(batch_size=16).actions == (AskSearcher(tuple(range(16))),)


def test_new_events_are_appended_first() -> None:
    found = World([created(0), created(1)], complete(0)).plan()
    assert found.actions == (
        AppendEvents((started(0), Finished(0, 0, 1, "0.5", "uid-0-0", 60, is_last=False, value_epoch=1))),
    )  # fmt: skip


@pytest.mark.parametrize("best", [None, {"epoch": 1, "metric": "val_loss", "value": "0.5"}])
def test_a_missing_best_epoch_is_one_event(best: Any) -> None:
    """An earlier trainer image ignores training.monitor, so strategy Best becomes Last."""
    world = World([created(0), created(1)], complete(0, best=best), job(1))
    told, _ = world.plan().actions
    assert isinstance(told, EmitEvent)
    assert (told.event.type, str(told.event.reason)) == ("Warning", "BestUnavailable")
    assert "search-0-r0 has reported no best val_accuracy" in told.event.note
    assert kinds(world.plan(ledger=ledger([created(1), finished(1, "0.4")]))) == ["AppendEvents"], (
        "only the first finished rung"
    )
    last = {"metric": "val_accuracy", "goal": "Maximize", "strategy": "Last"}
    assert kinds(World([created(0)], complete(0, best=best), objective=last).plan()) == ["AppendEvents"]
    assert kinds(World([created(0)], complete(0)).plan()) == ["AppendEvents"]


@pytest.mark.parametrize(
    ("events", "jobs", "expected"),
    [
        ([], [ended(0, "OutOfMemory"), ended(1, "OutOfMemory")], "search-0-r0"),
        ([failed(0)], [ended(1, "OutOfMemory")], None),
        # A lost checkpoint is no failure: the trial keeps its value.
        ([finished(0, "0.5")], [ended(0, "CheckpointMissing", rung=1)], None),
        (
            [finished(0, "0.5"), finished(1, "0.5")],
            [ended(0, "CheckpointMissing", rung=1), ended(1, "OutOfMemory", rung=1)],
            "search-1-r1",
        ),
        ([finished(0, "0.5"), failed(0, 1, "CheckpointLost")], [ended(1, "OutOfMemory")], "search-1-r0"),
        # Failures with an Event of their own.
        ([], [complete(0, best=None, metrics=None)], None),
        ([], [complete(0, after=0, best=None, metrics=None), ended(1, "OutOfMemory")], "search-1-r0"),
        ([failed(0, reason="MetricUnavailable")], [ended(1, "OutOfMemory")], "search-1-r0"),
        ([failed(0, reason="Rejected")], [ended(1, "OutOfMemory")], "search-1-r0"),
    ],
)
def test_the_first_failed_trial_is_one_event(events: list[Event], jobs: list[Any], expected: str | None) -> None:
    found = World([created(0), created(1), *events], *jobs).plan().actions
    notes = [one.event.note for one in found if isinstance(one, EmitEvent) and one.event.reason == "TrialFailed"]
    assert [note.removeprefix("The TrainingJob ").split()[0] for note in notes] == ([expected] if expected else [])


def test_a_queued_training_job_needs_no_write() -> None:
    assert World([created(0), created(1)], job(0), job(1)).settled().actions == ()


def test_the_start_of_a_rung_is_written_after_a_delay() -> None:
    world = World([created(0), created(1)], *(job(number, state="Running", startTime=at(0)) for number in (0, 1)))
    world.now = NOW + timedelta(seconds=1)
    waits = world.settled()
    assert (waits.actions, waits.requeue_after) == ((), START_WRITE_SECONDS - 1)
    world.now = NOW + timedelta(seconds=START_WRITE_SECONDS)
    assert world.plan().actions == (AppendEvents((started(0), started(1))),)


def test_promotions_precede_new_trials() -> None:
    events: list[Event] = [created(0), finished(0, "0.5"), created(1)]
    found = World(events, job(1)).plan()
    (made,) = found.actions
    assert isinstance(made, CreateTrial)
    assert made.rung_key == (0, 1)
    assert made.body["spec"]["training"]["continueFrom"] == {"uri": "s3://results/vision/search-0-r0/uid-0-0/"}
    assert made.body["spec"]["training"]["stopAfterEpoch"] == 3


def test_parallelism_limits_created_trials() -> None:
    events = [created(number) for number in range(4)]
    found = World(events, job(2), parallelism=2).plan()
    assert [one.rung_key for one in found.actions if isinstance(one, CreateTrial)] == [(0, 0)]


@pytest.mark.parametrize("suspend", [True, False])
def test_trials_follow_suspend_of_the_experiment(suspend: bool) -> None:  # noqa: FBT001
    one, other, over = job(0), job(1), complete(2)
    one["spec"]["suspend"] = not suspend
    other["spec"]["suspend"] = suspend
    over["spec"]["suspend"] = not suspend
    events: list[Event] = [created(0), created(1), created(2), started(2), finished(2, "0.5")]
    found = World(events, one, other, over, suspend=suspend, maxTrials=3).plan()
    assert found.actions == (SuspendTrial((0, 0), one, suspend),)


def test_delayed_trials_are_not_written() -> None:
    one = job(0)
    one["spec"]["suspend"] = True
    held = {(0, 0): NOW + timedelta(seconds=8)}
    found = World([created(0)], one, maxTrials=1).settled(delayed=held)
    assert found == Plan((), 8)


def test_a_terminating_trial_is_not_changed() -> None:
    one = job(0)
    one["metadata"]["deletionTimestamp"] = at(0)
    one["spec"]["suspend"] = True
    assert World([created(0)], one, maxTrials=1).settled().actions == ()


def test_blocked_trials_and_blockers_are_retried() -> None:
    cause = StatusCause(Reason.NAME_CONFLICT, "search-0-r0 is somebody else's")
    world = World([created(0)])
    assert world.plan(blocked={(0, 0): cause}).actions == (AskSearcher((1, 2)),), "a blocked trial occupies no slot"
    due = {(0, 0): NOW + timedelta(seconds=30)}
    assert World([created(0)], maxTrials=1).settled(blocked={(0, 0): cause}, delayed=due) == Plan((), 30)
    refused = StatusCause(Reason.TRIALS_REFUSED, "exceeded quota")
    assert world.settled(blocker=refused) == Plan((), 30)


def test_a_failed_search_blocks_only_new_trials() -> None:
    search_failed = StatusCause(Reason.SEARCH_FAILED, "the searcher process ended with signal 9")
    (created_again,) = World([created(0)]).settled(blocker=search_failed).actions
    assert isinstance(created_again, CreateTrial), "the trial is in the ledger, so it needs no search"
    world = World([created(0), started(0), finished(0, "0.5")])
    (promoted,) = world.settled(blocker=search_failed).actions
    assert isinstance(promoted, CreateTrial)
    assert promoted.rung_key == (0, 1)
    world.events, world.jobs = (*world.events, started(0, 1)), (job(0, 1),)
    assert kinds(world.settled(blocker=search_failed)) == ["CreateReport"], "no request to the searcher"
    assert world.settled().actions == (AskSearcher((1,)),)


def test_a_full_ledger_continues_existing_trials() -> None:
    assert World([created(0)], job(0)).settled(free=-50_000).actions == ()
    world = World([created(0), started(0), finished(0, "0.5")])
    full = {"free": 127 + 128, "trial_bytes": 256}
    (made,) = world.settled(**full).actions
    assert isinstance(made, CreateTrial)
    assert made.rung_key == (0, 1)
    world.jobs = (job(0, 1),)
    assert kinds(world.settled(**full)) == ["CreateReport"]
    assert world.document["status"]["state"] == "Running"
    ready = world.document["status"]["conditions"][0]
    assert (ready["reason"], ready["status"]) == ("LedgerFull", "True")
    assert "No new trials are created" in ready["message"]
    world.jobs, done = (), {**full, "free": 127}
    assert kinds(world.settled(**done)) == ["CreateReport"], "no space for another rung"
    ready = world.document["status"]["conditions"][0]
    assert (world.document["status"]["state"], ready["reason"]) == ("Complete", "LedgerFull")
    assert "no space to promote 1 of them" in ready["message"]


def test_ledger_space_is_reserved_for_promotions() -> None:
    world = World([created(0)], job(0), parallelism=9)
    room = {"free": 2128, "trial_bytes": 1000}
    assert world.plan(**room).actions == (AskSearcher((1, 2)),)
    assert world.plan(**room, remaining_promotions=1).actions == (AskSearcher((1,)),)


def test_ledger_space_limits_suggestions() -> None:
    many = World(parallelism=1000, maxTrials=1000)
    assert many.plan(free=5000, trial_bytes=1000).actions == (AskSearcher(tuple(range(5))),)
    world = World([created(0)], job(0), parallelism=1000, maxTrials=1000)
    assert world.plan(free=5000, trial_bytes=1000).actions == (AskSearcher(tuple(range(1, 5))),), (
        "the running rung needs space"
    )


def test_trial_bytes_grow_with_long_values() -> None:
    text = {"name": "text", "paths": ["training.a"], "values": ["a", "é" * 250]}
    assert World(parameters=[PARAMETERS[0]]).parsed.trial_bytes < 200
    assert World(parameters=[PARAMETERS[0], text]).parsed.trial_bytes > 600


def test_importances_are_computed_for_a_new_best_and_the_end() -> None:
    world = World(DONE, **TWO, parameters=PARAMETERS)
    occasion = ImportanceState(1, "0.6", is_final=True)
    assert world.plan().actions == (AskSearcher(importance=occasion),)
    asked = Importance(occasion, {"a": 0.7, "b": 0.3})
    assert kinds(world.plan(importance=asked)) == ["EmitEvent", "EmitEvent", "ApplyStatus"]
    again = world.settled(importance=asked)
    assert kinds(again) == ["AppendEvents"], "the report follows"
    assert kinds(world.settled()) == ["AppendEvents"], "also after a restart"


def test_one_parameter_needs_no_importance() -> None:
    assert kinds(World(DONE, **TWO).plan()) == ["EmitEvent", "EmitEvent", "ApplyStatus"]


def test_the_report_follows_the_status() -> None:
    world = World(DONE, **TWO, retain="All")
    assert world.settled().actions == (CreateReport(4),)
    assert world.settled(report_refused=True).actions == ()


def test_a_failed_report_is_one_event() -> None:
    world = World(DONE, **TWO, retain="All")
    broken = report(4, "Failed")
    broken["metadata"]["uid"] = "r"
    world.settled(report=broken)
    found = world.plan(report=broken)
    (told,) = (one.event for one in found.actions if isinstance(one, EmitEvent))
    assert str(told.reason) == "ReportFailed"
    assert "kubectl logs job/search-report shows the error" in told.note, "the Job has no error message"
    assert world.plan(report=broken, report_event_key="r") == Plan((), 600)


def test_a_queued_report_is_one_event_and_delays_ttl_for_a_day() -> None:
    world = World(DONE, **TWO, retain="All", ttlSecondsAfterFinished=3600)
    queued = report(3, "Suspended")
    queued["metadata"]["uid"] = "r"
    assert kinds(world.settled(report=queued)) == [], "the status is up to date"
    assert world.plan(report=queued) == Plan((), 600)
    world.now += timedelta(seconds=600)
    (action,) = world.plan(report=queued).actions
    assert isinstance(action, EmitEvent)
    assert (action.event.type, str(action.event.reason)) == ("Warning", "ReportWaiting")
    assert "search-report" in action.event.note
    assert world.plan(report=queued, report_event_key=action.event.key) == Plan((), 85_800)
    broken = report(3, "Failed", age=-600)
    broken["metadata"]["uid"] = "r"
    (later,) = world.plan(report=broken, report_event_key=action.event.key).actions
    assert isinstance(later, EmitEvent)
    assert str(later.event.reason) == "ReportFailed"
    world.now += timedelta(days=1)
    assert isinstance(world.plan(report=queued, report_event_key=action.event.key).actions[0], DeleteSelf)


@pytest.mark.parametrize(
    ("seen", "expected", "over"),
    [
        (report(4), Plan((), 40), True),
        (report(4, ""), Plan((), 86_380), False),  # the Job is running, and a day is all that anything waits for it
        (report(3), Plan((), 40), False),  # the last report follows
        (report(4, "Failed"), Plan((), 580), False),  # retries for a day
    ],
)
def test_ttl_waits_for_the_report(seen: Any, expected: Plan, over: bool) -> None:  # noqa: FBT001
    seen["metadata"]["uid"] = "r"
    world = World(DONE, **TWO, retain="All", ttlSecondsAfterFinished=60)
    world.settled(report=seen, report_event_key="r")
    world.now += timedelta(seconds=20)
    assert world.plan(report=seen, report_event_key="r") == expected
    world.now += timedelta(seconds=40)
    assert (world.plan(report=seen, report_event_key="r").actions == (DeleteSelf(),)) is over


def test_an_unexpected_training_job_is_suspended_and_occupies_a_slot() -> None:
    recovered, waits = job(1, state="Running"), job(2, state="Suspended")
    waits["spec"]["suspend"] = True
    events: list[Event] = [created(0), created(1), created(2), failed(1), failed(2), created(3)]
    found = World(events, job(0), recovered, waits, parallelism=2, maxTrials=4).plan()
    assert found.actions == (SuspendTrial((1, 0), recovered, suspend=True),), "trial 3 waits for the slot"
    recovered["spec"]["suspend"], recovered["status"] = True, {"state": "Suspended"}
    (made,) = World(events, job(0), recovered, waits, parallelism=2, maxTrials=4).plan().actions
    assert isinstance(made, CreateTrial)
    assert made.rung_key == (3, 0)


@pytest.mark.parametrize("changes", [{"maxFailedTrials": 0}, {"suspend": True}, {"activeDeadlineSeconds": 1}])
def test_an_unexpected_training_job_is_suspended_with_its_experiment(changes: dict[str, Any]) -> None:
    recovered = job(1, state="Running", startTime=at(0))
    world = World([created(0), created(1), failed(1)], recovered, maxTrials=2, **changes)
    world.document["status"]["startTime"] = at(-60)
    assert SuspendTrial((1, 0), recovered, suspend=True) in world.plan().actions


def refusal(number: int) -> Any:
    failure = {"type": "Failed", "status": "True", "reason": "InvalidSpec", "message": "spec.later: unknown"}
    return job(number, state="Failed", conditions=[failure])


def test_a_refused_training_job_keeps_its_slot() -> None:
    world = World([created(0), started(0)], refusal(0), parallelism=1)
    assert world.settled().actions == ()
    ready = world.document["status"]["conditions"][0]
    assert (ready["status"], ready["reason"]) == ("False", "TrialsNotReady")
    assert "search-0-r0" in ready["message"]
    assert "spec.later: unknown" in ready["message"]


def test_a_refused_training_job_is_suspended_with_its_experiment() -> None:
    world = World([created(0), started(0)], refusal(0), suspend=True)
    assert world.plan().actions == (SuspendTrial((0, 0), refusal(0), suspend=True),)
    refused_and_waiting = refusal(0)
    refused_and_waiting["spec"]["suspend"] = True
    world.jobs = (refused_and_waiting,)
    world.settled()
    assert world.document["status"]["state"] == "Suspended"


def test_a_stopped_search_suspends_unstarted_trials_and_ends() -> None:
    begun = [created(number) for number in range(3)] + [started(number) for number in range(3)]
    events: list[Event] = [*begun, finished(0, "0.5", is_last=True)]
    queued, trains = job(1, state="Queued"), job(2, state="Running", startTime=at(0))
    world = World(events, queued, trains, finish=True)
    assert SuspendTrial((1, 0), queued, suspend=True) in world.plan().actions
    queued["spec"]["suspend"], queued["status"]["state"] = True, "Suspended"
    assert kinds(world.settled())[:1] != ["SuspendTrial"]
    assert world.document["status"]["state"] == "Running", "trial 2 finishes its rung"
    world.jobs = (queued, complete(2))
    world.events = (*events, finished(2, "0.4"))
    world.settled()
    assert (world.document["status"]["state"], world.document["status"]["conditions"][0]["reason"]) == (
        "Complete", "FinishedEarly"
    )  # fmt: skip
    goes_on = World(events, queued, trains, finish=False, maxTrials=3).plan()
    assert SuspendTrial((1, 0), queued, suspend=False) in goes_on.actions


def test_a_started_trial_of_a_stopped_search_finishes_its_rung() -> None:
    started_late = job(1, state="Suspended", startTime=at(0))
    started_late["spec"]["suspend"] = True
    world = World([created(1), started(1)], started_late, finish=True)
    assert world.plan().actions == (SuspendTrial((1, 0), started_late, suspend=False),)


def test_the_deadline_applies_to_an_invalid_spec() -> None:
    trains = job(0, state="Running", startTime=at(0))
    world = World([created(0), started(0)], trains, activeDeadlineSeconds=90, maxTrials=1)
    world.settled()

    def refused(seconds: float) -> Plan:
        trials = apply_events(world.events)
        seen = Observed(NOW + timedelta(seconds=seconds), trials=trials, jobs=jobs_by_rung([trains], EXPERIMENT))
        return plan_invalid_spec(world.document, "parameter rate: no", seen)

    (written,) = (one.status for one in refused(30).actions if isinstance(one, ApplyStatus))
    world.document["status"] = written.dump()
    assert refused(30) == Plan((), 60)
    assert refused(90).actions == (SuspendTrial((0, 0), trains, suspend=True),)
    trains["spec"]["suspend"] = True
    (late,) = (one.status for one in refused(90).actions if isinstance(one, ApplyStatus))
    assert late.state == "Failed"
    assert {one.reason for one in late.conditions or () if one.type in {"Ready", "Failed"}} == {"DeadlineExceeded"}
    world.document["status"] = late.dump()
    assert refused(91) == Plan()


def test_an_invalid_spec_resumes_only_running_trials() -> None:
    stray, waits = job(0, state="Suspended"), job(1, state="Suspended")
    stray["spec"]["suspend"] = waits["spec"]["suspend"] = True
    own, jobs = ledger([created(0), created(1), failed(0)]), jobs_by_rung([stray, waits], EXPERIMENT)
    document = World(status={"state": "Running", "trials": {"created": 2}}).document
    seen = Observed(NOW, own, trials=own.trials, jobs=jobs)
    assert plan_invalid_spec(document, "no", seen).actions == (SuspendTrial((1, 0), waits, suspend=False),)
    damaged = replace(ledger(), owner="e", is_damaged=True)
    actions = plan_invalid_spec(document, "no", Observed(NOW, damaged, jobs=jobs)).actions
    assert not any(isinstance(action, SuspendTrial) for action in actions), "the ledger decides which trials may train"


@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_blocked_experiment_suspends_a_copied_later_rung(*, is_damaged: bool) -> None:
    trains, copied = job(0, state="Running", startTime=at(0)), job(0, 1, state="Running", startTime=at(1))
    document = World(status={"state": "Running", "trials": {"created": 1}}).document
    own = replace(ledger(), owner="e", is_damaged=True) if is_damaged else ledger([created(0), started(0)])
    seen = Observed(NOW, own, trials=own.trials, jobs=jobs_by_rung([trains, copied], EXPERIMENT))
    assert plan_invalid_spec(document, "no", seen).actions == (SuspendTrial((0, 1), copied, suspend=True),)


@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_blocked_experiment_continues_the_older_rung_of_a_trial(*, is_damaged: bool) -> None:
    trains, copied = job(0, 1, state="Running", startTime=at(1)), job(0, state="Running", startTime=at(2))
    copied["metadata"]["creationTimestamp"] = at(200)
    document = World(status={"state": "Running", "trials": {"created": 1}}).document
    # A ledger that was restored from a backup lacks the end of the first rung.
    own = replace(ledger(), owner="e", is_damaged=True) if is_damaged else ledger([created(0), started(0)])
    seen = Observed(NOW, own, trials=own.trials, jobs=jobs_by_rung([trains, copied], EXPERIMENT))
    assert plan_invalid_spec(document, "no", seen).actions == (SuspendTrial((0, 0), copied, suspend=True),)


@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_blocked_experiment_continues_a_promoted_trial(*, is_damaged: bool) -> None:
    first, trains = complete(0), job(0, 1, state="Running", startTime=at(1))
    document = World(status={"state": "Running", "trials": {"created": 1}}).document
    events: list[Event] = [created(0), started(0), finished(0, "0.5")]
    own = replace(ledger(), owner="e", is_damaged=True) if is_damaged else ledger(events)
    seen = Observed(NOW, own, trials=own.trials, jobs=jobs_by_rung([first, trains], EXPERIMENT))
    actions = plan_invalid_spec(document, "no", seen).actions
    assert not any(isinstance(action, SuspendTrial) for action in actions)


def test_a_terminating_experiment_has_no_actions() -> None:
    world = World([created(0)])
    world.document["metadata"] = EXPERIMENT | {"generation": 2, "deletionTimestamp": at(0)}
    assert world.plan() == Plan()
    assert plan_invalid_spec(world.document, "no", Observed(NOW)) == Plan()


def test_a_contested_status_blocks_no_action() -> None:
    world = World(DONE, **TWO, retain="All")
    assert world.plan(status_apply_had_no_effect=True).actions == (CreateReport(4),)
