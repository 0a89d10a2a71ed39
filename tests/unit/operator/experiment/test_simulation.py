"""Whole searches in virtual time, with crashes, refusals and edits."""

import base64
import gzip
import pickle
import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any, NoReturn

import pytest
from epochal_api.experiment.report import decode
from epochal_api.experiment.spec import MAX_PARAMETERS
from epochal_api.pod import REPORT_ANNOTATION
from epochal_operator.experiment import spec_cache
from epochal_operator.experiment.ledger.encoding import encode
from epochal_operator.experiment.ledger.events import Event, Failed, Finished, Owner, Started, WarmStartTrial
from epochal_operator.experiment.schedule.pruning import promotions
from epochal_operator.experiment.search.request import Request, Response, Suggestion
from epochal_operator.experiment.search.searcher_pool import SearchFailed, SearchTooSlow
from epochal_operator.experiment.search_space.space import InvalidSpace
from epochal_operator.runtime.api.errors import AdmissionFailed

from tests.kit.fake.objects import Refusal
from tests.unit.operator.experiment.cluster import KEY, Cluster, refusing, suggest, suggest_by_number
from tests.unit.operator.experiment.searches import created, finished, spec
from tests.unit.operator.objects import NOW

SMALL: dict[str, Any] = {"maxTrials": 4, "epochs": 3, "parallelism": 2}


async def undisturbed(search: Callable[[Request], Response] = suggest, /, **changes: Any) -> Cluster:
    cluster = Cluster(**changes)
    cluster.search = search
    await cluster.run()
    return cluster


def suggest_the_worst(request: Request) -> Response:
    return Response(suggestions=tuple(Suggestion(trial=one, parameters={"rate": "0.1"}) for one in request.numbers))


def outcome(cluster: Cluster) -> Any:
    """Returns the results that must not depend on disturbances."""
    status, best = cluster.status(), cluster.status()["best"]
    return {
        "trials": cluster.ledger_trials(),
        "suggestions": cluster.suggestions(),
        "best": {name: best[name] for name in ("trial", "jobName", "value", "epoch", "parameters")},
        "counts": status["trials"],
        "epochs": status["epochs"],
        "state": (status["state"], cluster.condition("Complete")["reason"]),
        "jobs": sorted(cluster.job_names()),
        "events": Counter(cluster.event_reasons()),
    }


def known_of(cluster: Cluster) -> dict[int, Any]:
    return {
        one.number: (one.parameters, one.state, tuple(rung.value for rung in one.rungs))
        for one in cluster.ledger_trials()
    }


async def test_a_search_promotes_fewer_trials_to_each_rung() -> None:
    cluster = await undisturbed(maxTrials=10, parallelism=3)
    status, trials = cluster.status(), cluster.ledger_trials()
    assert (status["state"], cluster.condition("Complete")["reason"]) == ("Complete", "Completed")
    rungs = [sum(len(one.rungs) >= count for one in trials[1:]) for count in (1, 2, 3)]
    assert rungs[0] == 9
    assert 3 <= rungs[1] <= 5
    assert 1 <= rungs[2] <= 2
    trained = rungs[0] + 2 * rungs[1] + 6 * rungs[2] + 9
    assert status["epochs"] == {"trained": trained, "saved": 90 - trained, "repeated": 0}
    counts = status["trials"]
    assert (counts["created"], counts["complete"], counts["paused"]) == (10, rungs[2] + 1, 9 - rungs[2])
    assert counts["queued"] == counts["running"] == counts["failed"] == 0
    assert status["display"]["trials"] == "10/10"
    assert status["best"] == status["top"][0]
    assert [one["value"] for one in status["top"]] == sorted((one["value"] for one in status["top"]), reverse=True)
    assert status["results"]["uri"].startswith("s3://results/vision/search/")
    assert cluster.condition("Finished")["status"] == "True"
    assert "Completed" in cluster.event_reasons()


async def test_a_rung_continues_from_the_previous_rung() -> None:
    cluster = await undisturbed(**SMALL)
    first, second = (cluster.objects.get("trainingjobs", "vision", f"search-0-r{rung}") for rung in (0, 1))
    assert first["spec"]["training"]["stopAfterEpoch"] == 1
    assert "continueFrom" not in first["spec"]["training"]
    assert "stopAfterEpoch" not in second["spec"]["training"]
    uri = f"s3://results/vision/search-0-r0/{first['metadata']['uid']}/"
    assert second["spec"]["training"]["continueFrom"] == {"uri": uri}
    assert {one["metadata"]["labels"]["epochal.dev/experiment"] for one in cluster.jobs()} == {"search"}


async def test_a_crash_after_any_write_changes_nothing() -> None:
    usual = await undisturbed(**SMALL)
    expected = outcome(usual)
    for write in range(1, len(usual.kube.writes) + 1):
        cluster = Cluster(**SMALL)
        await cluster.run(once=write)
        assert cluster.crashes == 1
        assert outcome(cluster) == expected, usual.kube.writes[write - 1]


async def test_a_crash_after_each_write_changes_nothing() -> None:
    changes = {"maxTrials": 10, "parallelism": 3}
    expected = outcome(await undisturbed(**changes))
    cluster = Cluster(**changes)
    await cluster.run(dies_after=1)
    assert cluster.crashes >= 50
    assert outcome(cluster) == expected


async def test_a_trial_is_never_created_twice() -> None:
    cluster = Cluster(maxTrials=10, parallelism=3)
    made = Counter[str]()
    cluster.refuse = lambda verb, _, name: made.update([name] if verb == "create" else []) or None
    await cluster.run(dies_after=5)
    created = [one for one in cluster.events() if isinstance(one, Started)]
    assert len({(one.trial, one.rung) for one in created}) == len(created)
    assert cluster.status()["epochs"]["repeated"] == 0


@pytest.mark.parametrize("state", ["Queued", "Running", "Complete"])
async def test_a_deleted_trial_is_created_again_unless_it_has_finished(state: str) -> None:
    usual = await undisturbed(suggest_by_number, **SMALL)
    cluster = Cluster(**SMALL)
    cluster.search = suggest_by_number
    await cluster.settle()
    while cluster.job_names(state) == []:
        assert cluster.run_trainers()
        await cluster.settle()
        cluster.now += timedelta(seconds=60)
    (name, *_) = cluster.job_names(state)
    cluster.objects.delete("trainingjobs", "vision", name)
    cluster.objects.collect()
    await cluster.run()
    assert known_of(cluster) == known_of(usual)
    assert outcome(cluster)["best"] == outcome(usual)["best"]
    assert (name in cluster.job_names()) is (state != "Complete")


async def test_repeated_epochs_are_counted_and_old_checkpoints_deleted() -> None:
    cluster, lost = Cluster(maxTrials=4, schedule={"method": "None"}), set[str]()
    await cluster.settle()
    for _ in range(3):
        cluster.run_trainers()
        await cluster.settle()
        lost.add(cluster.objects.get("trainingjobs", "vision", "search-0-r0")["metadata"]["uid"])
        cluster.objects.delete("trainingjobs", "vision", "search-0-r0")
        cluster.restart_operator()
        await cluster.settle()
        cluster.now += timedelta(seconds=60)
    await cluster.run()
    assert cluster.status()["epochs"]["repeated"] == 27
    (report,) = cluster.objects.list("jobs")
    told = decode(report["spec"]["template"]["metadata"]["annotations"][REPORT_ANNOTATION])
    assert {folder.uid for folder in told.trials[0].freed} >= lost


async def test_a_lost_ledger_is_rebuilt() -> None:
    cluster = Cluster(maxTrials=10, parallelism=3, retain="All")
    await cluster.train(8)
    await cluster.settle()
    before = cluster.ledger_trials()
    assert sum(len(one.rungs) for one in before) >= 4
    cluster.lose_ledger()
    await cluster.settle()
    assert cluster.ledger_trials() == before
    await cluster.run()
    assert cluster.status()["trials"]["created"] == 10
    assert cluster.status()["epochs"]["repeated"] == 0


async def test_a_damaged_ledger_is_rebuilt_with_an_event() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    for _ in range(2):
        cluster.run_trainers()
        cluster.now += timedelta(seconds=60)
        await cluster.settle()
    whole = cluster.ledger()
    trained = sum(isinstance(event, Finished) for event in cluster.events())
    cluster.lose_ledger(f"{whole[:-40]}\n")
    assert "LedgerDamaged" not in cluster.event_reasons()
    await cluster.settle()
    assert cluster.event_reasons().count("LedgerDamaged") == 1
    assert sum(isinstance(event, Finished) for event in cluster.events()) == trained > 0
    await cluster.run()
    assert cluster.event_reasons().count("LedgerDamaged") == 1
    assert cluster.condition("Complete")["reason"] == "Completed"


async def test_a_recreated_experiment_ignores_the_old_ledger() -> None:
    cluster = await undisturbed(**SMALL)
    usual, copied, data = known_of(cluster), cluster.experiment(), cluster.ledger()
    cluster.objects.delete("experiments", *KEY)
    cluster.objects.collect()
    assert (cluster.jobs(), cluster.objects.list("jobs"), cluster.ledger()) == ([], [], "")
    metadata = {"name": KEY.name, "annotations": {"epochal.dev/trials": data}}
    made = cluster.objects.create("experiments", "vision", {"metadata": metadata, "spec": copied["spec"]})
    cluster.create_ledger_object(KEY.name, data, made["metadata"]["uid"])
    told = Counter(cluster.event_reasons())
    cluster.restart_operator()
    await cluster.settle()
    assert cluster.job_names() == ["search-0-r0", "search-1-r0"]
    assert Counter(cluster.event_reasons()) - told == {"LedgerIgnored": 1}
    await cluster.run()
    assert cluster.events()[0] == Owner(cluster.experiment()["metadata"]["uid"])
    assert known_of(cluster) == usual


async def test_an_experiment_recreated_before_the_delete_event_starts_again() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    foreign = {"metadata": {"name": "search-2-r0"}, "spec": {"suspend": True}}
    cluster.objects.create("trainingjobs", "vision", foreign)
    while "NameConflict" not in cluster.event_reasons():
        cluster.run_trainers()
        cluster.now += timedelta(seconds=1)
        await cluster.settle()
    spec_of_before = cluster.experiment()["spec"]
    for name in cluster.job_names():
        cluster.objects.delete("trainingjobs", "vision", name)
    cluster.objects.delete("experiments", *KEY)
    cluster.objects.collect()
    cluster.objects.create("experiments", "vision", {"metadata": {"name": KEY.name}, "spec": spec_of_before})
    told = Counter(cluster.event_reasons())
    await cluster.settle()
    assert cluster.job_names() == ["search-0-r0", "search-1-r0"]
    assert (cluster.status()["state"], cluster.condition("Ready")["status"]) == ("Queued", "True")
    assert Counter(cluster.event_reasons()) == told
    await cluster.complete()


async def test_a_rung_without_ledger_and_job_is_not_repeated() -> None:
    cluster = await undisturbed(**SMALL)
    cluster.objects.delete("trainingjobs", "vision", "search-0-r0")
    cluster.lose_ledger()
    await cluster.run()
    assert "search-0-r0" not in cluster.job_names()
    assert cluster.ledger_trials()[0].state == "Complete"


async def test_suspend_and_resume() -> None:
    expected = outcome(await undisturbed(**SMALL))
    cluster = Cluster(**SMALL)
    await cluster.settle()
    cluster.run_trainers()
    cluster.change(suspend=True)
    await cluster.settle()
    assert [one["spec"]["suspend"] for one in cluster.jobs()] == [True, True]
    assert cluster.condition("Ready")["reason"] == "Suspending"
    cluster.run_trainers()
    await cluster.settle()
    assert (cluster.status()["state"], cluster.condition("Suspended")["status"]) == ("Suspended", "True")
    cluster.change(suspend=False)
    await cluster.settle()
    assert [one["spec"]["suspend"] for one in cluster.jobs()] == [False, False]
    await cluster.run()
    assert {"Suspended", "Resumed"} <= set(cluster.event_reasons())
    found = outcome(cluster)
    assert found["suggestions"] == expected["suggestions"]
    assert found["best"] == expected["best"]


async def test_a_suspended_new_experiment_creates_nothing() -> None:
    cluster = Cluster(**SMALL | {"suspend": True})
    await cluster.settle()
    assert (cluster.jobs(), cluster.requests, cluster.status()["state"]) == ([], [], "Suspended")


async def test_a_conflict_while_suspending_reads_the_trial_again() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    cluster.change(suspend=True)
    cluster.sync_cache()
    report = {"status": {"progress": {"epoch": 1}}}
    cluster.objects.patch("trainingjobs", "vision", "search-0-r0", report, subresource="status")
    await cluster.reconciler.reconcile(KEY)
    assert cluster.objects.get("trainingjobs", "vision", "search-0-r0")["spec"]["suspend"] is True


async def test_a_trial_resumed_by_admission_is_suspended_with_backoff() -> None:
    def admit(resource: str, thing: Any) -> Any:
        if resource == "trainingjobs":
            thing["spec"]["suspend"] = False
        return thing

    cluster = Cluster(**SMALL)
    cluster.objects.admit = admit
    await cluster.settle()
    cluster.change(suspend=True)
    for _ in range(20):
        await cluster.reconcile()
        cluster.now += timedelta(seconds=1)
    assert 3 <= cluster.kube.writes.count("patch trainingjobs/search-0-r0") <= 7
    assert cluster.condition("Ready")["reason"] == "FieldConflict"


async def test_a_trial_resumed_by_another_client_is_suspended_with_backoff() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    cluster.change(suspend=True)
    await cluster.settle()
    for _ in range(20):
        cluster.objects.patch("trainingjobs", "vision", "search-0-r0", {"spec": {"suspend": False}}, manager="rival")
        await cluster.reconcile()
        cluster.now += timedelta(seconds=1)
    assert 3 <= cluster.kube.writes.count("patch trainingjobs/search-0-r0") <= 7
    assert cluster.condition("Ready")["reason"] == "FieldConflict"
    assert (
        "rival and Epochal overwrite each other's spec.suspend of search-0-r0" in cluster.condition("Ready")["message"]
    )


async def test_a_repeatedly_deleted_trial_is_created_with_backoff() -> None:
    cluster = Cluster(**SMALL)
    cluster.search = suggest_by_number
    made = Counter[str]()
    cluster.refuse = lambda verb, _, name: made.update([name] if verb == "create" else []) or None
    told = set[str]()
    for _ in range(60):
        after = await cluster.reconcile()
        if "search-1-r0" in cluster.job_names():
            cluster.objects.delete("trainingjobs", "vision", "search-1-r0")
            cluster.objects.collect()
            after = await cluster.reconcile()
        told.add(cluster.condition("Ready")["reason"])
        cluster.now += timedelta(seconds=after if after is not None and after > 1 else 1)
        cluster.run_trainers()
        if made["search-1-r0"] == 9:
            break
    assert (cluster.now - NOW).total_seconds() > 4 + 8 + 16 + 32 + 64
    ready = cluster.condition("Ready")
    assert (ready["status"], ready["reason"], cluster.condition("Stalled")["status"]) == (
        "False", "TrialsDeleted", "True"
    )  # fmt: skip
    assert "deleted the TrainingJob search-1-r0 after each of 9 creations" in ready["message"]
    assert cluster.ledger_trials()[0].state == "Complete", "other trials continue"
    await cluster.run()
    assert made["search-1-r0"] == 10
    usual = await undisturbed(suggest_by_number, **SMALL)
    assert known_of(cluster) == known_of(usual)


async def test_a_deleted_finished_trial_blocks_nothing() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    for _ in range(3):
        cluster.objects.delete("trainingjobs", "vision", "search-1-r0")
        cluster.objects.collect()
        await cluster.settle()
    assert "TrialsDeleted" in cluster.event_reasons()
    cluster.run_trainers()
    cluster.run_trainers()
    await cluster.settle()
    assert len(cluster.ledger_trials()[1].rungs) == 1
    cluster.objects.delete("trainingjobs", "vision", "search-1-r0")
    cluster.objects.collect()
    await cluster.settle()
    assert (cluster.condition("Ready")["status"], "search-1-r0" in cluster.job_names()) == ("True", False)


async def test_raised_max_trials_continue_the_search() -> None:
    cluster = await undisturbed(**SMALL)
    ended = cluster.status()["completionTime"]
    cluster.change(maxTrials=6)
    await cluster.settle()
    assert (cluster.status()["state"], cluster.status().get("completionTime")) == ("Running", None)
    assert cluster.condition("Finished")["status"] == "False"
    await cluster.run()
    assert cluster.status()["trials"]["created"] == 6
    assert cluster.status()["completionTime"] > ended
    assert cluster.event_reasons().count("Completed") == 2


async def test_finish_completes_only_running_rungs() -> None:
    cluster = Cluster(maxTrials=10, parallelism=3)
    await cluster.settle()
    cluster.run_trainers()
    cluster.change(finish=True)
    await cluster.settle()
    assert cluster.condition("Ready")["reason"] == "Finishing"
    await cluster.run()
    assert cluster.condition("Complete")["reason"] == "FinishedEarly"
    assert len(cluster.job_names()) == 3


async def test_finish_ignores_refused_trials() -> None:
    cluster = Cluster(maxTrials=10, parallelism=3)
    cluster.refuse = lambda verb, resource, name: (
        Refusal(403, "Forbidden", "exceeded quota: trials")
        if (verb, resource) == ("create", "trainingjobs") and name != "search-0-r0"
        else None
    )
    await cluster.settle()
    cluster.run_trainers()
    cluster.change(finish=True)
    await cluster.settle()
    assert cluster.condition("Ready")["reason"] == "Finishing"
    cluster.refuse = lambda *_: None
    await cluster.settle()
    assert cluster.job_names() == ["search-0-r0"]
    await cluster.run()
    assert cluster.condition("Complete")["reason"] == "FinishedEarly"
    assert cluster.job_names() == ["search-0-r0"]
    cluster.change(finish=False)
    await cluster.complete()
    assert cluster.status()["trials"]["created"] == 10


async def finished_early() -> Cluster:
    """Returns a search that `finish` ended after its first rungs."""
    cluster = Cluster(maxTrials=8, parallelism=4)
    await cluster.settle()
    cluster.run_trainers()
    cluster.change(finish=True)
    await cluster.run()
    return cluster


async def test_finish_can_be_reverted() -> None:
    cluster = await finished_early()
    assert cluster.condition("Complete")["reason"] == "FinishedEarly"
    given_up = cluster.dropped_trials()
    assert len(given_up) == 2, "one of three and the template would be promoted"
    cluster.change(finish=False)
    await cluster.complete()
    trials = cluster.ledger_trials()
    assert (trials[0].state, trials[0].epoch) == ("Complete", 9)
    assert {len(trials[number].rungs) for number in given_up} == {1}
    assert any(one.state == "Complete" for one in trials[1:])


async def test_a_ledger_lost_after_the_end_keeps_trials_dropped() -> None:
    cluster = await finished_early()
    given_up = cluster.dropped_trials()
    cluster.search = suggest_the_worst
    cluster.lose_ledger()
    lost = {"spec": {"finish": False}}
    cluster.objects.patch("experiments", *KEY, lost)
    await cluster.complete()
    assert {len(cluster.ledger_trials()[number].rungs) for number in given_up} == {1}


@pytest.mark.parametrize("kept", [0.0, 0.6], ids=["all", "its end"])
async def test_a_ledger_lost_after_a_continuation_keeps_trials_dropped(kept: float) -> None:
    cluster = await finished_early()
    given_up = cluster.dropped_trials()
    assert given_up
    cluster.search = suggest_the_worst
    cluster.change(finish=False)
    await cluster.settle()
    assert cluster.status()["state"] == "Running"
    text = cluster.ledger()
    cluster.lose_ledger(text[: int(kept * len(text))] or None)
    await cluster.settle()
    assert cluster.dropped_trials() >= given_up
    await cluster.run()
    assert {len(cluster.ledger_trials()[number].rungs) for number in given_up} == {1}
    assert cluster.condition("Complete")["reason"] == "Completed"


async def test_additional_trials_are_promoted_instead_of_dropped_trials() -> None:
    cluster = await undisturbed(maxTrials=7, parallelism=3)
    cluster.search = suggest_the_worst
    cluster.change(maxTrials=13)
    await cluster.run()
    assert any(len(one.rungs) > 1 for one in cluster.ledger_trials()[7:])


async def test_too_many_failed_trials_suspend_the_others() -> None:
    cluster = Cluster(maxTrials=10, parallelism=3, maxFailedTrials=1)
    cluster.failures = {0: "OutOfMemory", 1: "OutOfMemory"}
    await cluster.settle()
    cluster.run_trainers()
    for job in cluster.jobs()[:2]:
        cluster.finish_rung(job)
    await cluster.settle()
    assert (cluster.status()["state"], cluster.condition("Failed")["reason"]) == ("Failed", "TooManyFailedTrials")
    assert cluster.condition("Stalled")["status"] == "True"
    assert [one["spec"]["suspend"] for one in cluster.jobs()] == [False, False, True]
    cluster.change(maxFailedTrials=5)
    await cluster.settle()
    assert cluster.status()["state"] == "Running"
    assert cluster.objects.get("trainingjobs", "vision", "search-2-r0")["spec"]["suspend"] is False
    await cluster.complete()
    assert cluster.status()["trials"]["failed"] == 2


async def test_a_search_without_any_value_fails() -> None:
    cluster = Cluster(**SMALL, maxFailedTrials=4)
    cluster.failures = dict.fromkeys(range(6), "InvalidTraining")
    await cluster.run()
    failed = cluster.condition("Failed")
    assert (cluster.status()["state"], failed["reason"]) == ("Failed", "NoTrialSucceeded")
    assert "search-0-r0: InvalidTraining (and 3 more trials)." in failed["message"]
    assert [cluster.condition(one)["status"] for one in ("Ready", "Complete", "Stalled")] == ["False", "False", "True"]
    (event,) = (event for event in cluster.objects.list("events") if event["reason"] == "TrialFailed")
    assert event["note"].startswith("The TrainingJob search-0-r0 failed. This trial is the unchanged template")
    cluster.change(maxTrials=6)
    await cluster.run()
    assert cluster.status()["trials"]["failed"] == 6
    assert cluster.condition("Failed")["reason"] == "TooManyFailedTrials"


def suggest_metric(request: Request) -> Response:
    return Response(suggestions=tuple(Suggestion(trial=one, parameters={"metric": "acc"}) for one in request.numbers))


async def test_an_unknown_metric_names_the_reported_metrics() -> None:
    parameters = [{"name": "metric", "paths": ["training.metrics[0]"], "values": ["acc", "accuracy", "AUC"]}]
    objective = {"metric": "val_acc", "goal": "Maximize"}
    cluster = Cluster(**SMALL | {"maxFailedTrials": 1, "objective": objective, "parameters": parameters})
    cluster.search = suggest_metric
    await cluster.settle()
    cluster.run_trainers()
    cluster.finish_rung(cluster.jobs()[0])
    cluster.now += timedelta(seconds=400)
    await cluster.settle()
    (event,) = (event for event in cluster.objects.list("events") if event["reason"] == "MetricUnavailable")
    assert "must be a metric that trials report, found 'val_acc'" in event["note"]
    assert "search-0-r0 has reported val_accuracy" in event["note"]
    cluster.run_trainers()
    cluster.now += timedelta(seconds=400)
    await cluster.settle()
    assert cluster.condition("Failed")["reason"] == "TooManyFailedTrials"
    assert (
        "search-0-r0: MetricUnavailable: spec.objective.metric is 'val_acc', reported metrics: val_accuracy"
        in (cluster.condition("Failed")["message"])
    )


async def test_diverged_trials_fail_the_search_only_if_all_diverge() -> None:
    cluster = Cluster(maxTrials=8, parallelism=2, maxFailedTrials=1)
    cluster.failures = dict.fromkeys(range(1, 8), "NonFiniteLoss")
    await cluster.complete()
    assert (cluster.status()["trials"]["diverged"], cluster.status()["trials"]["failed"]) == (7, 0)
    assert {one.state for one in cluster.requests[-1].known_trials[1:]} == {"Diverged"}
    cluster = Cluster(maxTrials=8, parallelism=2, maxFailedTrials=1)
    cluster.failures = dict.fromkeys(range(8), "NonFiniteLoss")
    await cluster.run()
    assert cluster.condition("Failed")["reason"] == "AllTrialsDiverged"


async def test_the_deadline_can_be_raised() -> None:
    cluster = Cluster(**SMALL, activeDeadlineSeconds=90)
    assert await cluster.settle() == 90
    cluster.now += timedelta(seconds=90)
    await cluster.settle()
    assert cluster.condition("Failed")["reason"] == "DeadlineExceeded"
    assert {one["spec"]["suspend"] for one in cluster.jobs()} == {True}
    cluster.change(activeDeadlineSeconds=90_000)
    await cluster.complete()


async def test_suspension_stops_the_deadline() -> None:
    cluster = Cluster(**SMALL, activeDeadlineSeconds=3600)
    await cluster.settle()
    first = cluster.status()["startTime"]
    cluster.change(suspend=True)
    await cluster.settle()
    cluster.run_trainers()
    cluster.now += timedelta(days=2)
    await cluster.settle()
    assert (cluster.status()["state"], cluster.status().get("startTime")) == ("Suspended", None)
    cluster.change(suspend=False)
    await cluster.complete()
    assert cluster.status()["startTime"] > first


async def test_a_continued_search_has_a_new_deadline() -> None:
    cluster = await undisturbed(**SMALL, activeDeadlineSeconds=3600)
    first = cluster.status()["startTime"]
    cluster.now += timedelta(days=2)
    await cluster.settle()
    assert cluster.status()["startTime"] == first
    cluster.change(maxTrials=6)
    await cluster.complete()
    assert cluster.status()["startTime"] > first
    cluster.change(maxTrials=8)
    await cluster.settle()
    cluster.now += timedelta(seconds=3600)
    await cluster.settle()
    assert cluster.condition("Failed")["reason"] == "DeadlineExceeded"


async def test_a_name_conflict_blocks_only_its_trial() -> None:
    cluster = Cluster(**SMALL)
    cluster.objects.create("trainingjobs", "vision", {"metadata": {"name": "search-1-r0"}, "spec": {"suspend": True}})
    assert await cluster.reconcile() == 30
    assert cluster.ready() == ("False", "NameConflict")
    assert (
        "TrainingJob search-1-r0 exists and does not belong to this Experiment" in cluster.condition("Ready")["message"]
    )
    assert cluster.job_names() == ["search-0-r0", "search-1-r0", "search-2-r0"]
    assert cluster.objects.get("trainingjobs", "vision", "search-1-r0")["metadata"].get("labels") is None
    cluster.objects.delete("trainingjobs", "vision", "search-1-r0")
    await cluster.complete()
    assert cluster.status()["trials"]["created"] == 4


async def test_name_conflicts_limit_new_trials() -> None:
    cluster = Cluster(maxTrials=40, parallelism=2)
    for number in range(40):
        foreign = {"metadata": {"name": f"search-{number}-r0"}, "spec": {"suspend": True}}
        cluster.objects.create("trainingjobs", "vision", foreign)
    await cluster.settle()
    assert len(cluster.ledger_trials()) == 4


async def test_trials_of_an_earlier_experiment_block_until_deletion() -> None:
    cluster = Cluster(**SMALL)
    kind = {"apiVersion": "epochal.dev/v1alpha1", "kind": "Experiment", "name": "search", "uid": "e"}
    labels = {"epochal.dev/experiment": "search"}
    for number in range(4):
        metadata = {"name": f"search-{number}-r0", "labels": labels, "ownerReferences": [kind | {"controller": True}]}
        cluster.objects.create("trainingjobs", "vision", {"metadata": metadata, "spec": {"suspend": True}})
    collect, cluster.objects.collect = cluster.objects.collect, lambda: None  # type: ignore[method-assign]
    assert await cluster.reconcile() == 1
    assert cluster.condition("Ready")["reason"] == "Cleanup"
    assert len(cluster.ledger_trials()) == 2
    cluster.objects.collect = collect  # type: ignore[method-assign]
    collect()
    await cluster.complete()


async def test_an_invalid_trial_fails() -> None:
    cluster = Cluster(**SMALL)

    def refuse(verb: str, _: str, name: str) -> Refusal | None:
        wrong = verb == "create" and name == "search-1-r0"
        return Refusal(422, "Invalid", "spec.network: denied by policy") if wrong else None

    cluster.refuse = refuse
    await cluster.run()
    assert Failed(1, 0, "", "Rejected") in cluster.events()
    assert (cluster.status()["trials"]["failed"], cluster.condition("Complete")["reason"]) == (1, "Completed")
    (event,) = (event for event in cluster.objects.list("events") if event["reason"] == "TrialRejected")
    assert "denied by policy" in event["note"]


DENIALS = {
    "quota": "exceeded quota: trials: no training at night",
    "policy": "trainingjobs.epochal.dev \"search-1-r0\" is forbidden: ValidatingAdmissionPolicy 'night' with binding "
    "'night' denied request: no training at night",
    "webhook": 'admission webhook "validate.kyverno.svc-fail" denied the request: \n\nno training at night',
}


@pytest.mark.parametrize(
    ("code", "denial"), [(403, "policy"), (422, "policy"), (400, "webhook"), (422, "webhook"), (403, "quota")]
)
async def test_trials_denied_by_a_policy_are_retried(code: int, denial: str) -> None:
    cluster = Cluster(**SMALL, maxFailedTrials=0)
    cluster.refuse = refusing("create", "trainingjobs", Refusal(code, "Invalid", DENIALS[denial]))
    assert await cluster.settle() == 30
    assert cluster.ready() == ("False", "TrialsRefused")
    assert "no training at night" in cluster.condition("Ready")["message"]
    cluster.refuse = lambda *_: None
    await cluster.run()
    assert (cluster.status()["trials"]["created"], cluster.status()["trials"]["failed"]) == (4, 0)


UNCALLED = 'Internal error occurred: failed calling webhook "v.kyverno.svc": Post "https://kyverno": connection refused'


async def test_a_failing_webhook_is_reported_and_retried() -> None:
    cluster = Cluster(**SMALL, maxFailedTrials=0)
    cluster.refuse = refusing("create", "trainingjobs", Refusal(500, "InternalError", UNCALLED))
    for _ in range(2):
        with pytest.raises(AdmissionFailed):  # the work queue retries with backoff
            await cluster.settle()
        ready = cluster.condition("Ready")
        assert (ready["status"], ready["reason"]) == ("False", "WebhookFailed")
        assert ready["message"].endswith(UNCALLED)
        assert cluster.condition("Stalled")["status"] == "False"
    assert cluster.event_reasons().count("WebhookFailed") == 1
    cluster.refuse = lambda *_: None
    await cluster.run()
    assert (cluster.status()["trials"]["created"], cluster.status()["trials"]["failed"]) == (4, 0)


async def test_a_refused_later_rung_waits() -> None:
    cluster = Cluster(**SMALL, maxFailedTrials=0)
    cluster.refuse = lambda verb, _, name: (
        Refusal(422, "Invalid", "spec.training: Invalid value") if verb == "create" and name == "search-0-r1" else None
    )
    await cluster.train(12)
    assert cluster.condition("Ready")["reason"] == "TrialsRefused"
    assert len(cluster.job_names("Complete")) >= 4
    cluster.refuse = lambda *_: None
    await cluster.run()
    assert cluster.status()["trials"]["failed"] == 0
    assert cluster.ledger_trials()[0].state == "Complete"


async def test_a_refused_later_rung_is_retried_with_backoff_without_a_slot() -> None:
    cluster, times = Cluster(**SMALL | {"parallelism": 1, "maxFailedTrials": 0}), list[Any]()

    def refuse(verb: str, _: str, name: str) -> Refusal | None:
        if verb != "create" or name != "search-0-r1":
            return None
        times.append(cluster.now)
        return Refusal(400, "Invalid", DENIALS["webhook"])

    cluster.refuse = refuse
    await cluster.train(240, seconds=30)
    assert cluster.status()["trials"]["created"] == 4
    assert any(one.state == "Complete" for one in cluster.ledger_trials()[1:])
    ready = cluster.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", "TrialsRefused")
    assert "search-0-r1" in ready["message"]
    assert "no training at night" in ready["message"]
    assert len(times) < 40
    assert times[-1] - times[-2] == timedelta(seconds=300)
    cluster.refuse = lambda *_: None
    await cluster.complete()
    assert cluster.ledger_trials()[0].state == "Complete"


async def test_an_exceeded_quota_is_retried_with_backoff() -> None:
    cluster = Cluster(**SMALL)
    cluster.refuse = refusing("create", "trainingjobs", Refusal(403, "Forbidden", "exceeded quota: trials"))
    waits = list[float]()
    for _ in range(8):
        waits.append(await cluster.settle() or 0)
        cluster.now += timedelta(seconds=waits[-1])
        cluster.restart_operator()
    assert waits == [30, 30, 60, 120, 240, 300, 300, 300]


async def test_a_quota_conflict_is_retried() -> None:
    cluster, times = Cluster(**SMALL), Counter[str]()

    def refuse(verb: str, resource: str, name: str) -> Refusal | None:
        times[name] += (verb, resource) == ("create", "trainingjobs")
        chance = times[name] == 1 and verb == "create" and resource == "trainingjobs"
        return Refusal(409, "Conflict", "Operation cannot be fulfilled on resourcequotas") if chance else None

    cluster.refuse = refuse
    await cluster.settle()
    assert cluster.job_names() == ["search-0-r0", "search-1-r0"]


async def test_a_changed_experiment_creates_no_trials_of_the_old_spec() -> None:
    cluster = Cluster(**SMALL)
    cluster.sync_cache()
    cluster.change(suspend=True)
    await cluster.reconciler.reconcile(KEY)
    assert cluster.jobs() == []


async def test_an_old_ledger_never_replaces_a_newer_ledger() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    cluster.run_trainers()
    cluster.now += timedelta(seconds=60)
    cluster.run_trainers()
    cluster.sync_cache()
    other = Cluster.__new__(Cluster)
    other.__dict__.update(cluster.__dict__)
    other.restart_operator()
    await other.settle()
    later = cluster.events()
    await cluster.reconciler.reconcile(KEY)
    assert cluster.events()[: len(later)] == later


async def test_a_failed_search_is_reported_and_retried() -> None:
    cluster = Cluster(**SMALL)

    def fails(_: Request) -> Response:
        raise SearchFailed("the search ended with signal 9: without a word")

    cluster.search = fails
    assert await cluster.settle() == 30
    assert cluster.ready() == ("False", "SearchFailed")
    assert "signal 9" in cluster.condition("Ready")["message"]
    asked = len(cluster.requests)
    await cluster.settle()
    assert len(cluster.requests) == asked, "not before the backoff has passed"
    cluster.search = suggest
    cluster.now += timedelta(seconds=30)
    await cluster.run()
    assert cluster.condition("Ready")["status"] == "True"


async def test_each_request_to_the_searcher_yields() -> None:
    cluster = Cluster(maxTrials=200, parallelism=200)
    for asked in range(1, 5):
        cluster.sync_cache()
        assert await cluster.reconciler.reconcile(KEY) == 0
        assert len(cluster.requests) == asked
    cluster.sync_cache()
    await cluster.reconciler.reconcile(KEY)
    assert (len(cluster.requests), len(cluster.job_names())) == (4, 200)


async def test_slow_requests_are_split() -> None:
    cluster = Cluster(maxTrials=40, parallelism=40)

    def slow(request: Request) -> Response:
        if len(request.numbers) > 15:
            raise SearchTooSlow("the search took longer than 30 s")
        cluster.now += timedelta(seconds=2 * len(request.numbers))
        return suggest(request)

    cluster.search = slow
    await cluster.settle()
    assert [len(one.numbers) for one in cluster.requests] == [40, 20, 10, 10, 10, 10]
    assert len(cluster.job_names()) == 40
    assert "SearchFailed" not in cluster.event_reasons()


async def test_a_slow_single_suggestion_is_reported_until_it_is_fast() -> None:
    cluster = Cluster(maxTrials=40, parallelism=40)

    def slow(request: Request) -> Response:
        raise SearchTooSlow(f"the search took longer than 30 s for {len(request.numbers)} suggestions")

    cluster.search = slow
    assert await cluster.settle() == 30
    assert [len(one.numbers) for one in cluster.requests] == [40, 20, 10, 5, 2, 1]
    assert cluster.condition("Ready")["reason"] == "SearchFailed"
    assert "for 1 suggestions" in cluster.condition("Ready")["message"]
    cluster.search, cluster.requests = suggest, []
    cluster.now += timedelta(seconds=30)
    await cluster.settle()
    assert [len(one.numbers) for one in cluster.requests] == [1, 2, 4, 8, 16, 9]


async def test_slow_importances_block_no_trial() -> None:
    two = [
        {"name": one, "paths": [f"training.optimizer.{one}"], "float": {"min": "0", "max": "1"}}
        for one in ("beta_1", "beta_2")
    ]
    cluster = Cluster(maxTrials=40, parallelism=20, schedule={"method": "None"}, parameters=two)

    def slow(request: Request) -> Response:
        if request.importance:
            raise SearchTooSlow("the search took longer than 30 s")
        return suggest(request)

    cluster.search = slow
    await cluster.settle()
    for _ in range(2):
        cluster.run_trainers()
        await cluster.settle()
    assert [(len(one.numbers), one.importance) for one in cluster.requests] == [(20, False), (20, False), (0, True)]
    assert cluster.condition("Ready")["status"] == "True"
    (event,) = (one for one in cluster.objects.list("events") if one["reason"] == "ImportanceUnavailable")
    assert event["type"] == "Warning"
    assert "took longer than 30 s" in event["note"]


async def test_an_exhausted_space_ends_the_experiment() -> None:
    cluster = Cluster(**SMALL | {"maxTrials": 40})
    cluster.search = lambda request: (
        suggest(request) if request.numbers[-1:] < (5,) else Response(exhausted=bool(request.numbers))
    )
    await cluster.run()
    assert cluster.condition("Complete")["reason"] == "SearchExhausted"
    asked = len(cluster.requests)
    cluster.restart_operator()
    await cluster.settle()
    assert len(cluster.requests) == asked, "the ledger has a NoUntriedParameters event"


async def test_method_none_trains_the_template() -> None:
    cluster = await undisturbed(search={"method": "None"}, schedule={"method": "None"}, parameters=[])
    assert cluster.job_names() == ["search-0-r0"]
    assert cluster.condition("Complete")["reason"] == "Completed"
    assert "stopAfterEpoch" not in cluster.jobs()[0]["spec"]["training"]


async def test_warm_start_ignores_a_copied_ledger() -> None:
    cluster, done = Cluster(**SMALL, warmStartFrom=[{"name": "coarse"}]), await undisturbed(**SMALL)
    other = cluster.copy_experiment("coarse")
    cluster.create_ledger_object("coarse", done.ledger(), other["metadata"]["uid"])
    await cluster.settle()
    assert cluster.requests[0].known_trials == ()


async def test_warm_start() -> None:
    cluster = Cluster(**SMALL, warmStartFrom=[{"name": "coarse"}])
    assert await cluster.settle() == 30
    assert cluster.condition("Ready")["reason"] == "WarmStartNotFound"
    done = await undisturbed(**SMALL)
    cluster.copy_experiment("coarse")
    cluster.create_ledger("coarse", done.events()[1:])
    await cluster.settle()
    assert len([one for one in cluster.requests[0].known_trials if one.is_warm]) == 4
    await cluster.run()
    assert cluster.suggestions()[0].known_events == 5
    assert [one.number for one in cluster.ledger_trials()] == [0, 1, 2, 3]


async def test_warm_start_keeps_the_best_trials_and_leaves_space() -> None:
    cluster, dice = Cluster(**SMALL, warmStartFrom=[{"name": "one"}, {"name": "two"}]), random.Random(7)  # noqa: S311
    for name in ("one", "two"):
        cluster.copy_experiment(name)
        theirs = list[Event]()
        for number in range(1000):
            values = {f"parameter{index}": f"{dice.uniform(0.0001, 0.1):.8g}" for index in range(13)}
            theirs += [created(number, values), finished(number, f"{dice.random():.6g}")]
        cluster.create_ledger(name, theirs)
    await cluster.complete()
    assert len(cluster.ledger_trials()) == 4
    read_warm_start = [float(one.value) for one in cluster.events() if isinstance(one, WarmStartTrial)]
    assert len(read_warm_start) > 600
    assert min(read_warm_start) > 0.5


@pytest.mark.parametrize(("field", "value"), [("metric", "val_loss"), ("goal", "Minimize"), ("strategy", "Last")])
async def test_warm_start_needs_the_same_objective(field: str, value: str) -> None:
    cluster = Cluster(**SMALL, warmStartFrom=[{"name": "coarse"}])
    cluster.copy_experiment("coarse", **{field: value})
    assert await cluster.settle() == 30
    assert cluster.ready() == ("False", "WarmStartMismatch")
    assert f"found {field} {value} in that Experiment and " in cluster.condition("Ready")["message"]
    assert cluster.jobs() == []


@pytest.mark.parametrize(("retain", "left"), [("Best", 1), ("All", 4)])
async def test_retain_best_keeps_the_checkpoints_of_the_best_trial(retain: str, left: int) -> None:
    cluster = await undisturbed(**SMALL, retain=retain)
    given_up = cluster.dropped_trials()
    assert len(given_up) == 4 - left
    assert retain == "All" or cluster.status()["best"]["trial"] not in given_up


@pytest.mark.parametrize("seed", range(2))
async def test_no_trial_continues_from_deleted_checkpoints(seed: int) -> None:
    cluster, gone = Cluster(maxTrials=8, parallelism=2, epochs=27), set[str]()
    chance = random.Random(seed)  # noqa: S311 - by the seed it is the same each time
    for maximum in (8, 16):
        cluster.change(maxTrials=maximum, finish=False)
        for minute in range(40):
            await cluster.settle()
            from_where = str([one["spec"]["training"].get("continueFrom") for one in cluster.jobs() if _is_new(one)])
            assert not [uid for uid in gone if uid in from_where]
            for job in cluster.objects.list("jobs"):
                report = decode(job["spec"]["template"]["metadata"]["annotations"][REPORT_ANNOTATION])
                gone |= {folder.uid for trial in report.trials for folder in trial.freed}
            cluster.run_trainers()
            if chance.random() < 0.2:  # A user deletes any TrainingJob.
                cluster.objects.delete("trainingjobs", "vision", chance.choice(cluster.job_names()))
            cluster.change(finish=minute > 30)
            cluster.now += timedelta(seconds=60)
    assert len(gone) > 8


def _is_new(job: Any) -> bool:
    return not job.get("status")


async def test_reports_are_written_at_most_once_a_minute() -> None:
    cluster = Cluster(maxTrials=10, parallelism=3)
    made: list[Any] = []
    cluster.refuse = lambda verb, resource, _: (
        made.append(cluster.now) if (verb, resource) == ("create", "jobs") else None
    )
    await cluster.run()
    assert len(made) >= 2
    assert all(later - earlier >= timedelta(seconds=60) for earlier, later in pairwise(made))


async def test_an_invalid_path_is_an_invalid_spec() -> None:
    wrong = [{"name": "rate", "paths": ["network.layers[conv9].filters"], "int": {"min": 1, "max": 2}}]
    cluster = Cluster(**SMALL | {"parameters": wrong})
    await cluster.settle()
    assert (cluster.status()["state"], cluster.condition("Ready")["reason"]) == ("Failed", "InvalidSpec")
    assert "parameter rate" in cluster.condition("Ready")["message"]
    assert cluster.event_reasons() == ["InvalidSpec"]
    cluster.change(parameters=[{"name": "rate", "paths": ["network.layers[1].units"], "int": {"min": 1, "max": 99}}])
    await cluster.settle()
    assert cluster.status()["state"] == "Queued"
    assert "completionTime" not in cluster.status()


async def test_ttl_does_not_delete_an_experiment_with_an_invalid_spec() -> None:
    wrong = {"name": "rate", "paths": ["network.layers[conv9].filters"], "int": {"min": 1, "max": 2}}
    cluster = Cluster(**SMALL | {"parameters": [wrong]}, ttlSecondsAfterFinished=600)
    assert await cluster.settle() is None
    cluster.now += timedelta(seconds=601)
    await cluster.settle()
    assert cluster.condition("Failed")["reason"] == "InvalidSpec"


def judge_by_stricter_rules(*_: Any) -> NoReturn:
    raise InvalidSpace(["parameter rate: a rule of a later version"])


async def test_a_finished_experiment_ignores_new_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = await undisturbed(**SMALL, ttlSecondsAfterFinished=6000)
    await cluster.settle()
    status = cluster.status()
    monkeypatch.setattr(spec_cache, "check", judge_by_stricter_rules)
    cluster.restart_operator()
    assert await cluster.settle() is not None
    assert cluster.status() == status
    assert "InvalidSpec" not in cluster.event_reasons()
    cluster.now += timedelta(seconds=6000)
    await cluster.settle()
    assert cluster.objects.list("experiments") == []


async def test_an_invalid_change_of_a_finished_experiment_keeps_its_result() -> None:
    cluster = await undisturbed(**SMALL)
    await cluster.settle()
    ended = cluster.status()["completionTime"]
    cluster.now += timedelta(seconds=600)
    cluster.change(later={"field": 1}, ttlSecondsAfterFinished=7200)
    await cluster.settle()
    ready, complete = cluster.condition("Ready"), cluster.condition("Complete")
    assert (ready["status"], ready["reason"]) == ("False", "InvalidSpec")
    assert (complete["status"], complete["reason"]) == ("True", "Completed")
    assert (cluster.status()["state"], cluster.status()["completionTime"]) == ("Complete", ended)
    cluster.change(later=None)
    await cluster.settle()
    assert (cluster.condition("Ready")["reason"], cluster.condition("Stalled")["status"]) == ("Completed", "False")
    cluster.change(later={"field": 1})
    cluster.now += timedelta(seconds=7200)
    await cluster.settle()
    assert cluster.objects.list("experiments") == []


async def test_a_spec_of_a_later_version_keeps_its_trials() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    cluster.run_trainers()
    await cluster.settle()
    cluster.change(later={"field": 1})
    await cluster.settle()
    assert (cluster.status()["state"], cluster.condition("Ready")["reason"]) == ("Running", "InvalidSpec")
    assert cluster.job_names() == ["search-0-r0", "search-1-r0"]
    cluster.change(later=None)
    await cluster.complete()


async def test_suspend_applies_to_an_invalid_spec() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    cluster.run_trainers()
    await cluster.settle()
    cluster.change(later={"field": 1}, suspend=True)
    await cluster.settle()
    assert [one["spec"]["suspend"] for one in cluster.jobs()] == [True, True]
    ready = cluster.condition("Ready")
    assert (cluster.status()["state"], ready["reason"]) == ("Running", "InvalidSpec")
    assert "The trials are stopping, because spec.suspend is true." in ready["message"]
    cluster.run_trainers()
    await cluster.settle()
    status, ready = cluster.status(), cluster.condition("Ready")
    assert (status["state"], cluster.condition("Suspended")["status"]) == ("Suspended", "True")
    assert (ready["reason"], "startTime" in status, status["trials"]["running"]) == ("InvalidSpec", False, 0)
    assert "The trials are suspended, because spec.suspend is true." in ready["message"]
    cluster.change(suspend=False)
    await cluster.settle()
    assert [one["spec"]["suspend"] for one in cluster.jobs()] == [False, False]
    assert (cluster.status()["state"], cluster.condition("Ready")["reason"]) == ("Running", "InvalidSpec")
    assert cluster.event_reasons().count("Resumed") == 1
    cluster.change(later=None)
    await cluster.complete()


async def test_a_resumed_trial_of_an_invalid_spec_is_suspended_with_backoff() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    cluster.change(later={"field": 1}, suspend=True)
    await cluster.settle()
    for _ in range(20):
        cluster.objects.patch("trainingjobs", "vision", "search-0-r0", {"spec": {"suspend": False}}, manager="rival")
        after = await cluster.reconcile()
        cluster.now += timedelta(seconds=1)
    assert 3 <= cluster.kube.writes.count("patch trainingjobs/search-0-r0") <= 7
    assert after is not None
    ready = cluster.condition("Ready")
    assert ready["reason"] == "InvalidSpec"
    assert "rival and Epochal overwrite each other's spec.suspend of search-0-r0" in ready["message"]


async def test_a_full_ledger_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epochal_operator.experiment.observed.MAX_LEDGER_BYTES", 1200)
    cluster = Cluster(maxTrials=100, parallelism=2)
    told = list[str]()
    for _ in range(100):
        await cluster.settle()
        told.append(cluster.condition("Ready")["reason"])
        if not cluster.run_trainers():
            break
        cluster.now += timedelta(seconds=60)
    await cluster.run()
    assert cluster.condition("Complete")["reason"] == "LedgerFull"
    trials = cluster.ledger_trials()
    assert 2 <= len(trials) < 100
    assert told.index("LedgerFull") < told.index("LedgerFull", told.index("LedgerFull") + 1), "also while trials run"
    assert trials[0].state == "Complete"
    assert promotions(trials, spec(maxTrials=100), closed=True) == []
    assert len(cluster.ledger()) < 1200


async def test_a_ledger_of_long_lines_is_full_before_it_is_unreadable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = Cluster(**SMALL | {"maxTrials": 1000})
    long = {f"p{number}": "\u00e9" * 256 for number in range(MAX_PARAMETERS)}
    uid = cluster.experiment()["metadata"]["uid"]
    known: list[Event] = [Owner(uid)]
    for number in range(20):
        known += [created(number, long), finished(number, "0.5", is_last=True)]
    size = len(gzip.decompress(base64.b64decode(encode(known))))
    monkeypatch.setattr("epochal_operator.experiment.ledger.encoding.MAX_DECOMPRESSED_BYTES", size + 500)
    cluster.create_ledger_object(KEY.name, encode(known), uid)
    await cluster.settle()
    assert cluster.condition("Complete")["reason"] == "LedgerFull"
    assert [one.numbers for one in cluster.requests if one.numbers] == []
    assert "LedgerDamaged" not in cluster.event_reasons()


@pytest.mark.parametrize(("status", "words"), [(422, "Too long"), (403, "Too long"), (500, UNCALLED)])
async def test_a_refused_ledger_is_reported_and_retried(status: int, words: str) -> None:
    cluster = Cluster(**SMALL)
    cluster.refuse = refusing("create", "experimentledgers", Refusal(status, "Invalid", f"data: {words}"))
    assert await cluster.settle() == 60
    ready = cluster.condition("Ready")
    assert (ready["reason"], cluster.condition("Stalled")["status"]) == ("LedgerRefused", "True")
    assert words in ready["message"]
    assert cluster.jobs() == []
    cluster.refuse = lambda *_: None
    await cluster.complete()


async def test_suspend_applies_while_the_ledger_is_refused() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    cluster.run_trainers()
    cluster.refuse = refusing("patch", "experimentledgers", Refusal(422, "Invalid", "data: Too long"))
    cluster.finish_rung(cluster.jobs()[0])
    await cluster.settle()
    assert cluster.condition("Ready")["reason"] == "LedgerRefused"
    cluster.change(suspend=True)
    await cluster.settle()
    assert [one["spec"]["suspend"] for one in cluster.jobs()] == [False, True]
    cluster.run_trainers()
    await cluster.settle()
    assert cluster.status()["state"] == "Suspended"


async def test_an_old_training_job_crd_is_reported() -> None:
    cluster = Cluster(**SMALL)
    create = cluster.objects.create

    def pruned(resource: str, namespace: str, thing: Any, **options: Any) -> Any:
        if resource == "trainingjobs":
            training = {name: value for name, value in thing["spec"]["training"].items() if name != "stopAfterEpoch"}
            thing = thing | {"spec": thing["spec"] | {"training": training}}
        return create(resource, namespace, thing, **options)

    cluster.objects.create = pruned  # type: ignore[method-assign]
    assert await cluster.reconcile() == 30
    assert cluster.ready() == ("False", "TrialsRefused")
    assert "was stored without spec.training.stopAfterEpoch" in cluster.condition("Ready")["message"]
    assert cluster.jobs() == []
    cluster.objects.create = create  # type: ignore[method-assign]
    await cluster.complete()


async def ended_without_report(refused: str, status: int, words: str) -> Cluster:
    """Returns a finished search whose report Jobs are refused and retried."""
    cluster = Cluster(**SMALL)
    cluster.refuse = refusing(refused, "jobs", Refusal(status, "Forbidden", words))
    for _ in range(20):
        after = await cluster.settle()
        cluster.run_trainers()
        cluster.now += timedelta(seconds=60)
    assert cluster.status()["state"] == "Complete"
    assert after is not None
    assert 600 <= after <= 1200
    return cluster


@pytest.mark.parametrize(("status", "words"), [(403, "exceeded quota: jobs"), (500, UNCALLED)])
async def test_a_refused_report_job_is_retried(status: int, words: str) -> None:
    cluster = await ended_without_report("create", status, words)
    assert "ReportFailed" in cluster.event_reasons()
    cluster.refuse = lambda *_: None
    await cluster.run()
    assert cluster.objects.list("jobs")


@pytest.mark.parametrize(("status", "words"), [(403, "nobody deletes Jobs here"), (500, UNCALLED)])
async def test_a_report_job_that_cannot_be_deleted_is_reported(status: int, words: str) -> None:
    cluster = await ended_without_report("delete", status, words)
    assert any(words in one["note"] for one in cluster.objects.list("events") if one["reason"] == "ReportFailed")


async def test_ttl_waits_a_day_for_a_refused_report() -> None:
    cluster = Cluster(**SMALL, ttlSecondsAfterFinished=0)
    cluster.refuse = refusing("create", "jobs", Refusal(403, "Forbidden", "exceeded quota: jobs"))
    await cluster.train(20)
    assert cluster.status()["state"] == "Complete"
    cluster.now += timedelta(days=1)
    await cluster.settle()
    assert cluster.objects.list("experiments") == []


@pytest.mark.parametrize("hours", [2, 48])
async def test_ttl_waits_a_day_for_a_failing_report(hours: float) -> None:
    cluster = Cluster(**SMALL, ttlSecondsAfterFinished=120)
    broken = {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}
    heals, written = NOW + timedelta(hours=hours), 0
    while True:
        after = await cluster.settle()
        if not cluster.objects.list("experiments"):
            break
        for job in cluster.objects.list("jobs"):
            if cluster.now < heals and not job.get("status"):
                cluster.objects.patch("jobs", "vision", "search-report", {"status": broken}, subresource="status")
                after = 0
        is_busy = cluster.run_trainers() or not after
        written = sum(job["status"] != broken for job in cluster.objects.list("jobs"))
        cluster.now += timedelta(seconds=60 if is_busy or after is None else after)
    assert written == (hours < 24)
    assert timedelta(hours=min(hours, 24)) <= cluster.now - NOW < timedelta(hours=25)


async def test_a_finished_experiment_needs_little_memory() -> None:
    cluster = await undisturbed(**SMALL)
    ledgers = cluster.reconciler._applier.ledgers
    kept = pickle.dumps([dict(cluster.reconciler._specs._cache), dict(ledgers._cache)])
    assert len(kept) < 512
    cluster.change(maxTrials=5)
    await cluster.run()
    assert cluster.status()["trials"]["created"] == 5


async def test_a_failing_report_is_retried_for_a_day_and_after_deletion() -> None:
    cluster, made = Cluster(**SMALL), list[Any]()
    cluster.refuse = lambda verb, resource, _: (
        made.append(cluster.now) if (verb, resource) == ("create", "jobs") else None
    )

    async def fail() -> float | None:
        after = await cluster.settle()
        for job in cluster.objects.list("jobs"):
            if not job.get("status"):
                broken = {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}
                cluster.objects.patch("jobs", "vision", "search-report", {"status": broken}, subresource="status")
                after = await cluster.settle()
        return after

    while cluster.status().get("state") != "Complete":
        await fail()
        cluster.run_trainers()
        cluster.now += timedelta(seconds=60)
    ended, before = cluster.now, len(made)
    for _ in range(20):
        after = await fail()
        if after is None:
            break
        cluster.now += timedelta(seconds=after)
    assert after is None
    assert 6 <= len(made) - before <= 10
    assert made[-1] - ended < timedelta(days=3)
    (event, *_) = (event for event in cluster.objects.list("events") if event["reason"] == "ReportFailed")
    assert "To retry at once, delete the Job" in event["note"]
    tries = len(made)
    cluster.now += timedelta(days=30)
    cluster.restart_operator()
    assert await fail() is None
    assert len(made) == tries
    cluster.objects.delete("jobs", "vision", "search-report")
    await cluster.settle()
    assert len(made) == tries + 1
