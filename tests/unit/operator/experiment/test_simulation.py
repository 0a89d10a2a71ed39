"""Whole searches in virtual time, disturbed in every way: neither trials nor suggestions nor the best change."""

import base64
import gzip
import pickle
import random
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import Any, NoReturn

import pytest
from epochal_api.experiment.report import decode
from epochal_api.experiment.spec import MAX_PARAMETERS
from epochal_api.pod import REPORT_ANNOTATION
from epochal_operator.experiment import reconcile
from epochal_operator.experiment.ledger.encoding import encode
from epochal_operator.experiment.ledger.events import Event, Failed, Finished, Owner, Started, Warm
from epochal_operator.experiment.schedule.pruning import promotions
from epochal_operator.experiment.search.request import Request, Response, Suggestion
from epochal_operator.experiment.search.searcher_pool import SearchFailed, SearchTooSlow
from epochal_operator.experiment.search_space.space import InvalidSpace
from epochal_operator.runtime.api.errors import AdmissionFailed

from tests.kit.fake.objects import Refusal
from tests.unit.operator.experiment.cluster import KEY, Cluster, suggest, suggest_by_number
from tests.unit.operator.experiment.searches import created, finished, spec
from tests.unit.operator.objects import NOW

SMALL: dict[str, Any] = {"maxTrials": 4, "epochs": 3, "parallelism": 2}


async def undisturbed(**changes: Any) -> Cluster:
    cluster = Cluster(**changes)
    await cluster.run()
    return cluster


def suggest_the_worst(request: Request) -> Response:
    """Suggests what is no better than anything before."""
    return Response(suggestions=tuple(Suggestion(trial=one, parameters={"rate": "0.1"}) for one in request.trials))


def outcome(cluster: Cluster) -> Any:
    """Returns all that must not depend on what disturbs a search."""
    status, best = cluster.status(), cluster.status()["best"]
    return {
        "trials": cluster.folded(),
        "suggestions": cluster.suggestions(),
        "best": {name: best[name] for name in ("trial", "jobName", "value", "epoch", "parameters")},
        "counts": status["trials"],
        "epochs": status["epochs"],
        "state": (status["state"], cluster.condition("Complete")["reason"]),
        "jobs": sorted(cluster.names()),
        "events": Counter(cluster.told()),
    }


def known_of(cluster: Cluster) -> dict[int, Any]:
    """Returns what is known of each trial, whenever it became known."""
    return {
        one.number: (one.parameters, one.state, tuple(rung.value for rung in one.rungs)) for one in cluster.folded()
    }


async def test_a_search_is_a_pyramid_of_trials() -> None:
    cluster = await undisturbed(maxTrials=10, parallelism=3)
    status, trials = cluster.status(), cluster.folded()
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
    assert "Completed" in cluster.told()


async def test_a_rung_goes_on_from_the_one_below() -> None:
    cluster = await undisturbed(**SMALL)
    first, second = (cluster.objects.get("trainingjobs", "vision", f"search-0-r{rung}") for rung in (0, 1))
    assert first["spec"]["training"]["stopAfterEpoch"] == 1
    assert "continueFrom" not in first["spec"]["training"]
    assert "stopAfterEpoch" not in second["spec"]["training"]
    uri = f"s3://results/vision/search-0-r0/{first['metadata']['uid']}/"
    assert second["spec"]["training"]["continueFrom"] == {"uri": uri}
    assert {one["metadata"]["labels"]["epochal.dev/experiment"] for one in cluster.trials()} == {"search"}


async def test_a_kill_after_any_write_changes_nothing() -> None:
    usual = await undisturbed(**SMALL)
    wanted = outcome(usual)
    for write in range(1, len(usual.kube.writes) + 1):
        cluster = Cluster(**SMALL)
        await cluster.run(once=write)
        assert cluster.deaths == 1
        assert outcome(cluster) == wanted, usual.kube.writes[write - 1]


async def test_an_operator_that_dies_after_each_write_gets_there() -> None:
    changes = {"maxTrials": 10, "parallelism": 3}
    wanted = outcome(await undisturbed(**changes))
    cluster = Cluster(**changes)
    await cluster.run(dies_after=1)
    assert cluster.deaths >= 50
    assert outcome(cluster) == wanted


async def test_a_trial_is_never_made_twice() -> None:
    cluster = Cluster(maxTrials=10, parallelism=3)
    made = Counter[str]()
    cluster.refuse = lambda verb, _, name: made.update([name] if verb == "create" else []) or None
    await cluster.run(dies_after=5)
    created = [one for one in cluster.events() if isinstance(one, Started)]
    assert len({(one.trial, one.rung) for one in created}) == len(created)
    assert cluster.status()["epochs"]["repeated"] == 0


@pytest.mark.parametrize("state", ["Queued", "Running", "Complete"])
async def test_a_trial_that_is_deleted_by_hand_is_made_again_if_it_has_not_told_all(state: str) -> None:
    usual = Cluster(**SMALL)
    usual.search = suggest_by_number
    await usual.run()
    cluster = Cluster(**SMALL)
    cluster.search = suggest_by_number
    await cluster.settle()
    while cluster.names(state) == []:
        assert cluster.work()
        await cluster.settle()
        cluster.now += timedelta(seconds=60)
    (name, *_) = cluster.names(state)
    cluster.objects.delete("trainingjobs", "vision", name)
    cluster.objects.collect()
    await cluster.run()
    assert known_of(cluster) == known_of(usual)
    assert outcome(cluster)["best"] == outcome(usual)["best"]
    assert (name in cluster.names()) is (state != "Complete")


async def test_what_is_trained_again_is_counted_and_checkpoints_of_before_are_deleted() -> None:
    cluster, lost = Cluster(maxTrials=4, schedule={"method": "None"}), set[str]()
    await cluster.settle()
    for _ in range(3):
        cluster.work()
        await cluster.settle()
        lost.add(cluster.objects.get("trainingjobs", "vision", "search-0-r0")["metadata"]["uid"])
        cluster.objects.delete("trainingjobs", "vision", "search-0-r0")
        cluster.boot()
        await cluster.settle()
        cluster.now += timedelta(seconds=60)
    await cluster.run()
    assert cluster.status()["epochs"]["repeated"] == 27
    (report,) = cluster.objects.list("jobs")
    told = decode(report["spec"]["template"]["metadata"]["annotations"][REPORT_ANNOTATION])
    assert {folder.uid for folder in told.trials[0].freed} >= lost


async def test_a_ledger_that_is_lost_is_made_anew() -> None:
    cluster = Cluster(maxTrials=10, parallelism=3, retain="All")
    for _ in range(8):
        await cluster.settle()
        cluster.work()
        cluster.now += timedelta(seconds=60)
    await cluster.settle()
    before = cluster.folded()
    assert sum(len(one.rungs) for one in before) >= 4
    cluster.lose_ledger()
    await cluster.settle()
    assert cluster.folded() == before
    await cluster.run()
    assert cluster.status()["trials"]["created"] == 10
    assert cluster.status()["epochs"]["repeated"] == 0


async def test_of_a_ledger_that_is_damaged_the_rest_is_made_anew_and_that_is_told() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    for _ in range(2):
        cluster.work()
        cluster.now += timedelta(seconds=60)
        await cluster.settle()
    whole = cluster.ledger()
    trained = len([one for one in cluster.events() if isinstance(one, Finished)])
    cluster.lose_ledger(f"{whole[:-40]}\n")
    assert "LedgerDamaged" not in cluster.told()
    await cluster.settle()
    assert cluster.told().count("LedgerDamaged") == 1
    assert len([one for one in cluster.events() if isinstance(one, Finished)]) == trained > 0
    await cluster.run()
    assert cluster.told().count("LedgerDamaged") == 1
    assert cluster.condition("Complete")["reason"] == "Completed"


async def test_one_that_is_created_anew_from_its_yaml_takes_nothing_of_the_other_for_its_own() -> None:
    cluster = await undisturbed(**SMALL)
    usual, copied, data = known_of(cluster), cluster.experiment(), cluster.ledger()
    cluster.objects.delete("experiments", *KEY)
    cluster.objects.collect()
    assert (cluster.trials(), cluster.objects.list("jobs"), cluster.ledger()) == ([], [], "")
    metadata = {"name": KEY.name, "annotations": {"epochal.dev/trials": data}}
    made = cluster.objects.create("experiments", "vision", {"metadata": metadata, "spec": copied["spec"]})
    cluster.note_text(KEY.name, data, made["metadata"]["uid"])
    told = Counter(cluster.told())
    cluster.boot()
    await cluster.settle()
    assert cluster.names() == ["search-0-r0", "search-1-r0"]
    assert Counter(cluster.told()) - told == {"LedgerIgnored": 1}
    await cluster.run()
    assert cluster.events()[0] == Owner(cluster.experiment()["metadata"]["uid"])
    assert known_of(cluster) == usual


async def test_one_that_is_made_anew_before_the_end_of_the_other_is_told_begins_anew() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    foreign = {"metadata": {"name": "search-2-r0"}, "spec": {"suspend": True}}
    cluster.objects.create("trainingjobs", "vision", foreign)
    while "NameConflict" not in cluster.told():
        cluster.work()
        cluster.now += timedelta(seconds=1)
        await cluster.settle()
    spec_of_before = cluster.experiment()["spec"]
    for name in cluster.names():
        cluster.objects.delete("trainingjobs", "vision", name)
    cluster.objects.delete("experiments", *KEY)
    cluster.objects.collect()
    cluster.objects.create("experiments", "vision", {"metadata": {"name": KEY.name}, "spec": spec_of_before})
    told = Counter(cluster.told())
    await cluster.settle()
    assert cluster.names() == ["search-0-r0", "search-1-r0"]
    assert (cluster.status()["state"], cluster.condition("Ready")["status"]) == ("Queued", "True")
    assert Counter(cluster.told()) == told
    await cluster.run()
    assert cluster.condition("Complete")["reason"] == "Completed"


async def test_a_rung_whose_ledger_and_first_job_are_lost_is_not_trained_again() -> None:
    cluster = await undisturbed(**SMALL)
    cluster.objects.delete("trainingjobs", "vision", "search-0-r0")
    cluster.lose_ledger()
    await cluster.run()
    assert "search-0-r0" not in cluster.names()
    assert cluster.folded()[0].state == "Complete"


async def test_suspended_all_trials_wait_and_go_on() -> None:
    wanted = outcome(await undisturbed(**SMALL))
    cluster = Cluster(**SMALL)
    await cluster.settle()
    cluster.work()
    cluster.change(suspend=True)
    await cluster.settle()
    assert [one["spec"]["suspend"] for one in cluster.trials()] == [True, True]
    assert cluster.condition("Ready")["reason"] == "Suspending"
    cluster.work()
    await cluster.settle()
    assert (cluster.status()["state"], cluster.condition("Suspended")["status"]) == ("Suspended", "True")
    cluster.change(suspend=False)
    await cluster.settle()
    assert [one["spec"]["suspend"] for one in cluster.trials()] == [False, False]
    await cluster.run()
    assert {"Suspended", "Resumed"} <= set(cluster.told())
    found = outcome(cluster)
    assert found["suggestions"] == wanted["suggestions"]
    assert found["best"] == wanted["best"]


async def test_one_that_starts_suspended_begins_nothing() -> None:
    cluster = Cluster(**SMALL | {"suspend": True})
    await cluster.settle()
    assert (cluster.trials(), cluster.asked, cluster.status()["state"]) == ([], [], "Suspended")


async def test_a_trial_that_reports_while_it_is_suspended_is_read_again() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    cluster.change(suspend=True)
    cluster.tell()
    report = {"status": {"progress": {"epoch": 1}}}
    cluster.objects.patch("trainingjobs", "vision", "search-0-r0", report, subresource="status")
    await cluster.reconciler.reconcile(KEY)
    assert cluster.objects.get("trainingjobs", "vision", "search-0-r0")["spec"]["suspend"] is True


async def test_a_trial_that_admission_keeps_running_is_suspended_ever_more_seldom() -> None:
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
    ours = [one for one in cluster.kube.writes if one == "patch trainingjobs/search-0-r0"]
    assert 3 <= len(ours) <= 7
    assert cluster.condition("Ready")["reason"] == "FieldConflict"


async def test_a_trial_that_somebody_resumes_again_and_again_is_suspended_ever_more_seldom() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    cluster.change(suspend=True)
    await cluster.settle()
    for _ in range(20):
        cluster.objects.patch("trainingjobs", "vision", "search-0-r0", {"spec": {"suspend": False}}, manager="rival")
        await cluster.reconcile()
        cluster.now += timedelta(seconds=1)
    ours = [one for one in cluster.kube.writes if one == "patch trainingjobs/search-0-r0"]
    assert 3 <= len(ours) <= 7
    assert cluster.condition("Ready")["reason"] == "FieldConflict"
    assert (
        "rival and Epochal overwrite each other's spec.suspend of search-0-r0" in cluster.condition("Ready")["message"]
    )


async def test_a_trial_that_is_deleted_as_fast_as_it_is_made_is_made_ever_more_seldom_while_others_go_on() -> None:
    cluster = Cluster(**SMALL)
    cluster.search = suggest_by_number
    made = Counter[str]()
    cluster.refuse = lambda verb, _, name: made.update([name] if verb == "create" else []) or None
    told = set[str]()
    for _ in range(60):
        after = await cluster.reconcile()
        if "search-1-r0" in cluster.names():
            cluster.objects.delete("trainingjobs", "vision", "search-1-r0")
            cluster.objects.collect()
            after = await cluster.reconcile()
        told.add(cluster.condition("Ready")["reason"])
        cluster.now += timedelta(seconds=after if after is not None and after > 1 else 1)
        cluster.work()
        if made["search-1-r0"] == 9:
            break
    assert (cluster.now - NOW).total_seconds() > 4 + 8 + 16 + 32 + 64
    ready = cluster.condition("Ready")
    assert (ready["status"], ready["reason"], cluster.condition("Stalled")["status"]) == (
        "False", "TrialsDeleted", "True"
    )  # fmt: skip
    assert "Somebody has deleted search-1-r0 each of the 9 times" in ready["message"]
    assert cluster.folded()[0].state == "Complete", "others go on"
    await cluster.run()
    assert made["search-1-r0"] == 10
    usual = Cluster(**SMALL)
    usual.search = suggest_by_number
    await usual.run()
    assert known_of(cluster) == known_of(usual)


async def test_a_trial_that_is_deleted_once_it_has_told_all_is_in_nobodys_way() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    for _ in range(3):
        cluster.objects.delete("trainingjobs", "vision", "search-1-r0")
        cluster.objects.collect()
        await cluster.settle()
    assert "TrialsDeleted" in cluster.told()
    cluster.work()
    cluster.work()
    await cluster.settle()
    assert len(cluster.folded()[1].rungs) == 1
    cluster.objects.delete("trainingjobs", "vision", "search-1-r0")
    cluster.objects.collect()
    await cluster.settle()
    assert (cluster.condition("Ready")["status"], "search-1-r0" in cluster.names()) == ("True", False)


async def test_more_trials_after_the_end_go_on() -> None:
    cluster = await undisturbed(**SMALL)
    ended = cluster.status()["completionTime"]
    cluster.change(maxTrials=6)
    await cluster.settle()
    assert (cluster.status()["state"], cluster.status().get("completionTime")) == ("Running", None)
    assert cluster.condition("Finished")["status"] == "False"
    await cluster.run()
    assert cluster.status()["trials"]["created"] == 6
    assert cluster.status()["completionTime"] > ended
    assert cluster.told().count("Completed") == 2


async def test_finish_ends_the_rungs_that_run_and_no_more() -> None:
    cluster = Cluster(maxTrials=10, parallelism=3)
    await cluster.settle()
    cluster.work()
    cluster.change(finish=True)
    await cluster.settle()
    assert cluster.condition("Ready")["reason"] == "Finishing"
    await cluster.run()
    assert cluster.condition("Complete")["reason"] == "FinishedEarly"
    assert len(cluster.names()) == 3


async def test_what_is_finished_while_its_trials_are_refused_waits_for_none_that_has_not_begun() -> None:
    cluster = Cluster(maxTrials=10, parallelism=3)
    cluster.refuse = lambda verb, resource, name: (
        Refusal(403, "Forbidden", "exceeded quota: trials")
        if (verb, resource) == ("create", "trainingjobs") and name != "search-0-r0"
        else None
    )
    await cluster.settle()
    cluster.work()
    cluster.change(finish=True)
    await cluster.settle()
    assert cluster.condition("Ready")["reason"] == "Finishing"
    cluster.refuse = lambda *_: None
    await cluster.settle()
    assert cluster.names() == ["search-0-r0"]
    await cluster.run()
    assert cluster.condition("Complete")["reason"] == "FinishedEarly"
    assert cluster.names() == ["search-0-r0"]
    cluster.change(finish=False)
    await cluster.run()
    assert cluster.condition("Complete")["reason"] == "Completed"
    assert cluster.status()["trials"]["created"] == 10


async def finished_early() -> Cluster:
    """Returns one whose search was finished once its first trials had come to their first rung."""
    cluster = Cluster(maxTrials=8, parallelism=4)
    await cluster.settle()
    cluster.work()
    cluster.change(finish=True)
    await cluster.run()
    return cluster


async def test_finish_may_be_taken_back() -> None:
    cluster = await finished_early()
    assert cluster.condition("Complete")["reason"] == "FinishedEarly"
    given_up = cluster.given_up()
    assert len(given_up) == 2, "of three, one would go on; and so would the template"
    cluster.change(finish=False)
    await cluster.run()
    assert cluster.condition("Complete")["reason"] == "Completed"
    trials = cluster.folded()
    assert (trials[0].state, trials[0].epoch) == ("Complete", 9)
    assert {len(trials[number].rungs) for number in given_up} == {1}
    assert any(one.state == "Complete" for one in trials[1:])


async def test_a_ledger_that_is_lost_after_the_end_brings_nobody_back_whose_checkpoints_are_deleted() -> None:
    cluster = await finished_early()
    given_up = cluster.given_up()
    cluster.search = suggest_the_worst
    cluster.lose_ledger()
    lost = {"spec": {"finish": False}}
    cluster.objects.patch("experiments", *KEY, lost)
    await cluster.run()
    assert cluster.condition("Complete")["reason"] == "Completed"
    assert {len(cluster.folded()[number].rungs) for number in given_up} == {1}


@pytest.mark.parametrize("kept", [0.0, 0.6], ids=["all", "its end"])
async def test_a_ledger_that_is_lost_once_it_has_gone_on_brings_nobody_back_either(kept: float) -> None:
    cluster = await finished_early()
    given_up = cluster.given_up()
    assert given_up
    cluster.search = suggest_the_worst
    cluster.change(finish=False)
    await cluster.settle()
    assert cluster.status()["state"] == "Running"
    text = cluster.ledger()
    cluster.lose_ledger(text[: int(kept * len(text))] or None)
    await cluster.settle()
    assert cluster.given_up() >= given_up
    await cluster.run()
    assert {len(cluster.folded()[number].rungs) for number in given_up} == {1}
    assert cluster.condition("Complete")["reason"] == "Completed"


async def test_more_trials_after_the_end_are_promoted_in_place_of_those_that_were_given_up() -> None:
    cluster = await undisturbed(maxTrials=7, parallelism=3)
    cluster.search = suggest_the_worst
    cluster.change(maxTrials=13)
    await cluster.run()
    assert any(len(one.rungs) > 1 for one in cluster.folded()[7:])


async def test_the_target_ends_it() -> None:
    target = {"metric": "val_accuracy", "goal": "Maximize", "target": "0.6"}
    cluster = await undisturbed(objective=target, maxTrials=50, parallelism=1)
    assert cluster.condition("Complete")["reason"] == "TargetReached"
    assert len(cluster.names()) < 50


async def test_trials_that_fail_end_it_and_the_others_wait_exactly() -> None:
    cluster = Cluster(maxTrials=10, parallelism=3, maxFailedTrials=1)
    cluster.ends = {0: "OutOfMemory", 1: "OutOfMemory"}
    await cluster.settle()
    cluster.work()
    for job in cluster.trials()[:2]:
        cluster.end(job)
    await cluster.settle()
    assert (cluster.status()["state"], cluster.condition("Failed")["reason"]) == ("Failed", "TooManyFailedTrials")
    assert cluster.condition("Stalled")["status"] == "True"
    assert [one["spec"]["suspend"] for one in cluster.trials()] == [False, False, True]
    cluster.change(maxFailedTrials=5)
    await cluster.settle()
    assert cluster.status()["state"] == "Running"
    assert cluster.objects.get("trainingjobs", "vision", "search-2-r0")["spec"]["suspend"] is False
    await cluster.run()
    assert cluster.condition("Complete")["reason"] == "Completed"
    assert cluster.status()["trials"]["failed"] == 2


async def test_a_metric_by_another_name_is_told_at_once_with_those_that_there_are() -> None:
    objective = {"metric": "val_acc", "goal": "Maximize"}
    cluster = Cluster(**SMALL | {"maxFailedTrials": 1, "objective": objective})
    await cluster.settle()
    cluster.work()
    cluster.end(cluster.trials()[0])
    cluster.now += timedelta(seconds=400)
    await cluster.settle()
    (told,) = (one for one in cluster.objects.list("events") if one["reason"] == "MetricUnavailable")
    assert "must be a figure that trials tell, found 'val_acc'" in told["note"]
    assert "search-0-r0, which fails by it, has told val_accuracy" in told["note"]
    cluster.work()
    cluster.now += timedelta(seconds=400)
    await cluster.settle()
    assert cluster.condition("Failed")["reason"] == "TooManyFailedTrials"
    assert (
        "MetricUnavailable (spec.objective.metric is 'val_acc', and it has told val_accuracy)"
        in (cluster.condition("Failed")["message"])
    )


async def test_trials_that_diverge_do_not_count_unless_all_do() -> None:
    cluster = Cluster(maxTrials=8, parallelism=2, maxFailedTrials=1)
    cluster.ends = dict.fromkeys(range(1, 8), "NonFiniteLoss")
    await cluster.run()
    assert cluster.condition("Complete")["reason"] == "Completed"
    assert (cluster.status()["trials"]["diverged"], cluster.status()["trials"]["failed"]) == (7, 0)
    assert {one.state for one in cluster.asked[-1].known[1:]} == {"Diverged"}
    cluster = Cluster(maxTrials=8, parallelism=2, maxFailedTrials=1)
    cluster.ends = dict.fromkeys(range(8), "NonFiniteLoss")
    await cluster.run()
    assert cluster.condition("Failed")["reason"] == "AllTrialsDiverged"


async def test_it_may_take_too_long_and_be_given_more_time() -> None:
    cluster = Cluster(**SMALL, activeDeadlineSeconds=90)
    assert await cluster.settle() == 90
    cluster.now += timedelta(seconds=90)
    await cluster.settle()
    assert cluster.condition("Failed")["reason"] == "DeadlineExceeded"
    assert {one["spec"]["suspend"] for one in cluster.trials()} == {True}
    cluster.change(activeDeadlineSeconds=90_000)
    await cluster.run()
    assert cluster.condition("Complete")["reason"] == "Completed"


async def test_while_it_is_suspended_no_deadline_passes() -> None:
    cluster = Cluster(**SMALL, activeDeadlineSeconds=3600)
    await cluster.settle()
    first = cluster.status()["startTime"]
    cluster.change(suspend=True)
    await cluster.settle()
    cluster.work()
    cluster.now += timedelta(days=2)
    await cluster.settle()
    assert (cluster.status()["state"], cluster.status().get("startTime")) == ("Suspended", None)
    cluster.change(suspend=False)
    await cluster.run()
    assert cluster.condition("Complete")["reason"] == "Completed"
    assert cluster.status()["startTime"] > first


async def test_one_that_goes_on_after_its_end_has_its_whole_time_again() -> None:
    cluster = await undisturbed(**SMALL, activeDeadlineSeconds=3600)
    first = cluster.status()["startTime"]
    cluster.now += timedelta(days=2)
    await cluster.settle()
    assert cluster.status()["startTime"] == first
    cluster.change(maxTrials=6)
    await cluster.run()
    assert cluster.condition("Complete")["reason"] == "Completed"
    assert cluster.status()["startTime"] > first
    cluster.change(maxTrials=8)
    await cluster.settle()
    cluster.now += timedelta(seconds=3600)
    await cluster.settle()
    assert cluster.condition("Failed")["reason"] == "DeadlineExceeded"


async def test_a_name_that_is_taken_is_waited_for_while_others_go_on() -> None:
    cluster = Cluster(**SMALL)
    cluster.objects.create("trainingjobs", "vision", {"metadata": {"name": "search-1-r0"}, "spec": {"suspend": True}})
    assert await cluster.reconcile() == 30
    ready = cluster.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", "NameConflict")
    assert "A TrainingJob search-1-r0 exists that is not this Experiment's" in ready["message"]
    assert cluster.names() == ["search-0-r0", "search-1-r0", "search-2-r0"]
    assert cluster.objects.get("trainingjobs", "vision", "search-1-r0")["metadata"].get("labels") is None
    cluster.objects.delete("trainingjobs", "vision", "search-1-r0")
    await cluster.run()
    assert cluster.condition("Complete")["reason"] == "Completed"
    assert cluster.status()["trials"]["created"] == 4


async def test_of_names_that_are_taken_not_all_trials_are_decided_upon_at_once() -> None:
    cluster = Cluster(maxTrials=40, parallelism=2)
    for number in range(40):
        foreign = {"metadata": {"name": f"search-{number}-r0"}, "spec": {"suspend": True}}
        cluster.objects.create("trainingjobs", "vision", foreign)
    await cluster.settle()
    assert len(cluster.folded()) == 4


async def test_trials_of_an_earlier_experiment_of_its_name_are_waited_for() -> None:
    cluster = Cluster(**SMALL)
    kind = {"apiVersion": "epochal.dev/v1alpha1", "kind": "Experiment", "name": "search", "uid": "e"}
    labels = {"epochal.dev/experiment": "search"}
    for number in range(4):
        metadata = {"name": f"search-{number}-r0", "labels": labels, "ownerReferences": [kind | {"controller": True}]}
        cluster.objects.create("trainingjobs", "vision", {"metadata": metadata, "spec": {"suspend": True}})
    collect, cluster.objects.collect = cluster.objects.collect, lambda: None  # type: ignore[method-assign]
    assert await cluster.reconcile() == 1
    assert cluster.condition("Ready")["reason"] == "Cleanup"
    assert len(cluster.folded()) == 2
    cluster.objects.collect = collect  # type: ignore[method-assign]
    collect()
    await cluster.run()
    assert cluster.condition("Complete")["reason"] == "Completed"


async def test_a_trial_that_is_refused_for_good_has_failed() -> None:
    cluster = Cluster(**SMALL)

    def refuse(verb: str, _: str, name: str) -> Refusal | None:
        wrong = verb == "create" and name == "search-1-r0"
        return Refusal(422, "Invalid", "spec.network: denied by policy") if wrong else None

    cluster.refuse = refuse
    await cluster.run()
    assert Failed(1, 0, "", "Rejected") in cluster.events()
    assert (cluster.status()["trials"]["failed"], cluster.condition("Complete")["reason"]) == (1, "Completed")
    (told,) = (one for one in cluster.objects.list("events") if one["reason"] == "TrialRejected")
    assert "denied by policy" in told["note"]


DENIALS = {
    "policy": "trainingjobs.epochal.dev \"search-1-r0\" is forbidden: ValidatingAdmissionPolicy 'night' with binding "
    "'night' denied request: no training at night",
    "webhook": 'admission webhook "validate.kyverno.svc-fail" denied the request: \n\nno training at night',
}


@pytest.mark.parametrize(("code", "denial"), [(403, "policy"), (422, "policy"), (400, "webhook"), (422, "webhook")])
async def test_a_policy_that_denies_trials_for_a_while_is_waited_for(code: int, denial: str) -> None:
    cluster = Cluster(**SMALL, maxFailedTrials=0)
    cluster.refuse = lambda verb, resource, _: (
        Refusal(code, "Invalid", DENIALS[denial]) if (verb, resource) == ("create", "trainingjobs") else None
    )
    assert await cluster.settle() == 30
    ready = cluster.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", "TrialsRefused")
    assert "no training at night" in ready["message"]
    cluster.refuse = lambda *_: None
    await cluster.run()
    assert (cluster.status()["trials"]["created"], cluster.status()["trials"]["failed"]) == (4, 0)


UNCALLED = 'Internal error occurred: failed calling webhook "v.kyverno.svc": Post "https://kyverno": connection refused'


async def test_a_webhook_that_fails_is_told_in_its_words_and_asked_again_ever_later() -> None:
    cluster = Cluster(**SMALL, maxFailedTrials=0)
    cluster.refuse = lambda verb, resource, _: (
        Refusal(500, "InternalError", UNCALLED) if (verb, resource) == ("create", "trainingjobs") else None
    )
    for _ in range(2):
        with pytest.raises(AdmissionFailed):  # which the queue tries again later and later
            await cluster.settle()
        ready = cluster.condition("Ready")
        assert (ready["status"], ready["reason"]) == ("False", "WebhookFailed")
        assert ready["message"].endswith(UNCALLED)
        assert cluster.condition("Stalled")["status"] == "False"
    assert cluster.told().count("WebhookFailed") == 1
    cluster.refuse = lambda *_: None
    await cluster.run()
    assert (cluster.status()["trials"]["created"], cluster.status()["trials"]["failed"]) == (4, 0)


async def test_a_trial_that_is_refused_once_it_has_begun_waits_while_others_go_on() -> None:
    cluster = Cluster(**SMALL, maxFailedTrials=0)
    cluster.refuse = lambda verb, _, name: (
        Refusal(422, "Invalid", "spec.training: Invalid value") if verb == "create" and name == "search-0-r1" else None
    )
    for _ in range(12):
        await cluster.settle()
        cluster.work()
        cluster.now += timedelta(seconds=60)
    assert cluster.condition("Ready")["reason"] == "TrialsRefused"
    assert len(cluster.names("Complete")) >= 4
    cluster.refuse = lambda *_: None
    await cluster.run()
    assert cluster.status()["trials"]["failed"] == 0
    assert cluster.folded()[0].state == "Complete"


async def test_one_that_is_refused_its_next_rung_for_long_holds_no_slot_and_is_tried_ever_more_seldom() -> None:
    cluster, times = Cluster(**SMALL | {"parallelism": 1, "maxFailedTrials": 0}), list[Any]()

    def refuse(verb: str, _: str, name: str) -> Refusal | None:
        if verb != "create" or name != "search-0-r1":
            return None
        times.append(cluster.now)
        return Refusal(400, "Invalid", DENIALS["webhook"])

    cluster.refuse = refuse
    for _ in range(240):
        await cluster.settle()
        cluster.work()
        cluster.now += timedelta(seconds=30)
    assert cluster.status()["trials"]["created"] == 4
    assert any(one.state == "Complete" for one in cluster.folded()[1:])
    ready = cluster.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", "TrialsRefused")
    assert "search-0-r1" in ready["message"]
    assert "no training at night" in ready["message"]
    assert len(times) < 40
    assert times[-1] - times[-2] == timedelta(seconds=300)
    cluster.refuse = lambda *_: None
    await cluster.run()
    assert cluster.condition("Complete")["reason"] == "Completed"
    assert cluster.folded()[0].state == "Complete"


async def test_a_quota_that_stays_is_asked_ever_more_seldom() -> None:
    cluster = Cluster(**SMALL)
    cluster.refuse = lambda verb, resource, _: (
        Refusal(403, "Forbidden", "exceeded quota: trials") if (verb, resource) == ("create", "trainingjobs") else None
    )
    waits = list[float]()
    for _ in range(8):
        waits.append(await cluster.settle() or 0)
        cluster.now += timedelta(seconds=waits[-1])
        cluster.boot()
    assert waits == [30, 30, 60, 120, 240, 300, 300, 300]


async def test_a_quota_is_waited_for() -> None:
    cluster = Cluster(**SMALL)
    cluster.refuse = lambda verb, resource, _: (
        Refusal(403, "Forbidden", "exceeded quota: trials") if (verb, resource) == ("create", "trainingjobs") else None
    )
    assert await cluster.reconcile() == 30
    ready = cluster.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", "TrialsRefused")
    assert "exceeded quota" in ready["message"]
    assert cluster.condition("Stalled")["status"] == "False"
    cluster.refuse = lambda *_: None
    await cluster.run()
    assert (cluster.status()["trials"]["created"], cluster.status()["trials"]["failed"]) == (4, 0)


async def test_a_quota_that_others_change_meanwhile_is_asked_again() -> None:
    cluster, times = Cluster(**SMALL), Counter[str]()

    def refuse(verb: str, resource: str, name: str) -> Refusal | None:
        times[name] += (verb, resource) == ("create", "trainingjobs")
        chance = times[name] == 1 and verb == "create" and resource == "trainingjobs"
        return Refusal(409, "Conflict", "Operation cannot be fulfilled on resourcequotas") if chance else None

    cluster.refuse = refuse
    await cluster.settle()
    assert cluster.names() == ["search-0-r0", "search-1-r0"]


async def test_an_experiment_that_has_changed_meanwhile_makes_no_trials_by_what_it_was() -> None:
    cluster = Cluster(**SMALL)
    cluster.tell()
    cluster.change(suspend=True)
    await cluster.reconciler.reconcile(KEY)
    assert cluster.trials() == []


async def test_a_ledger_of_before_is_never_written_over_a_later_one() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    cluster.work()
    cluster.now += timedelta(seconds=60)
    cluster.work()
    cluster.tell()
    other = Cluster.__new__(Cluster)
    other.__dict__.update(cluster.__dict__)
    other.boot()
    await other.settle()
    later = cluster.events()
    await cluster.reconciler.reconcile(KEY)
    assert cluster.events()[: len(later)] == later


async def test_a_search_that_fails_is_told_and_asked_again() -> None:
    cluster = Cluster(**SMALL)

    def fails(_: Request) -> Response:
        raise SearchFailed("the search ended with signal 9: without a word")

    cluster.search = fails
    assert await cluster.settle() == 30
    ready = cluster.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", "SearchFailed")
    assert "signal 9" in ready["message"]
    asked = len(cluster.asked)
    await cluster.settle()
    assert len(cluster.asked) == asked, "not before the time"
    cluster.search = suggest
    cluster.now += timedelta(seconds=30)
    await cluster.run()
    assert cluster.condition("Ready")["status"] == "True"


async def test_others_have_their_turn_after_each_question_which_may_take_long() -> None:
    cluster = Cluster(maxTrials=200, parallelism=200)
    for asked in range(1, 5):
        cluster.tell()
        assert await cluster.reconciler.reconcile(KEY) == 0
        assert len(cluster.asked) == asked
    cluster.tell()
    await cluster.reconciler.reconcile(KEY)
    assert (len(cluster.asked), len(cluster.names())) == (4, 200)


async def test_a_search_that_takes_too_long_is_asked_for_fewer_at_once() -> None:
    cluster = Cluster(maxTrials=40, parallelism=40)

    def slow(request: Request) -> Response:
        if len(request.trials) > 15:
            raise SearchTooSlow("the search took longer than 30 s")
        cluster.now += timedelta(seconds=2 * len(request.trials))
        return suggest(request)

    cluster.search = slow
    await cluster.settle()
    assert [len(one.trials) for one in cluster.asked] == [40, 20, 10, 10, 10, 10]
    assert len(cluster.names()) == 40
    assert "SearchFailed" not in cluster.told()


async def test_a_search_that_takes_too_long_for_a_single_trial_is_told_and_asked_for_more_once_it_does_not() -> None:
    cluster = Cluster(maxTrials=40, parallelism=40)

    def slow(request: Request) -> Response:
        raise SearchTooSlow(f"the search took longer than 30 s for {len(request.trials)} suggestions")

    cluster.search = slow
    assert await cluster.settle() == 30
    assert [len(one.trials) for one in cluster.asked] == [40, 20, 10, 5, 2, 1]
    assert cluster.condition("Ready")["reason"] == "SearchFailed"
    assert "for 1 suggestions" in cluster.condition("Ready")["message"]
    cluster.search, cluster.asked = suggest, []
    cluster.now += timedelta(seconds=30)
    await cluster.settle()
    assert [len(one.trials) for one in cluster.asked] == [1, 2, 4, 8, 16, 9]


async def test_how_much_parameters_matter_may_take_too_long_and_no_trial_waits_for_it() -> None:
    two = [{"name": one, "paths": [f"training.optimizer.{one}"], "float": {"min": "0", "max": "1"}} for one in "ab"]
    cluster = Cluster(maxTrials=40, parallelism=20, schedule={"method": "None"}, parameters=two)

    def slow(request: Request) -> Response:
        if request.importance:
            raise SearchTooSlow("the search took longer than 30 s")
        return suggest(request)

    cluster.search = slow
    await cluster.settle()
    for _ in range(2):
        cluster.work()
        await cluster.settle()
    assert [(len(one.trials), one.importance) for one in cluster.asked] == [(20, False), (20, False), (0, True)]
    assert cluster.condition("Ready")["status"] == "True"


async def test_a_space_that_is_exhausted_ends_it() -> None:
    cluster = Cluster(**SMALL | {"maxTrials": 40})
    cluster.search = lambda request: (
        suggest(request) if request.trials[-1:] < (5,) else Response(exhausted=bool(request.trials))
    )
    await cluster.run()
    assert cluster.condition("Complete")["reason"] == "SearchExhausted"
    asked = len(cluster.asked)
    cluster.boot()
    await cluster.settle()
    assert len(cluster.asked) == asked, "the ledger knows it"


async def test_without_a_search_the_template_is_trained() -> None:
    cluster = await undisturbed(search={"method": "None"}, schedule={"method": "None"}, parameters=[])
    assert cluster.names() == ["search-0-r0"]
    assert cluster.condition("Complete")["reason"] == "Completed"
    assert "stopAfterEpoch" not in cluster.trials()[0]["spec"]["training"]


async def test_of_another_experiment_that_is_a_copy_itself_nothing_is_known() -> None:
    cluster, done = Cluster(**SMALL, warmStartFrom=[{"name": "coarse"}]), await undisturbed(**SMALL)
    known = done.experiment()
    known["metadata"] = {"name": "coarse"}
    other = cluster.objects.create("experiments", "vision", known)
    cluster.note_text("coarse", done.ledger(), other["metadata"]["uid"])
    await cluster.settle()
    assert cluster.asked[0].known == ()


async def test_what_another_experiment_knows_is_known_from_the_beginning() -> None:
    cluster = Cluster(**SMALL, warmStartFrom=[{"name": "coarse"}])
    assert await cluster.settle() == 30
    assert cluster.condition("Ready")["reason"] == "WarmStartNotFound"
    done = await undisturbed(**SMALL)
    known = done.experiment()
    known["metadata"] = {"name": "coarse"}
    cluster.objects.create("experiments", "vision", known)
    cluster.note("coarse", done.events()[1:])
    await cluster.settle()
    assert len([one for one in cluster.asked[0].known if one.warm]) == 4
    await cluster.run()
    assert cluster.suggestions()[0].known == 5
    assert [one.number for one in cluster.folded()] == [0, 1, 2, 3]


async def test_of_much_that_others_know_the_best_is_known_and_leaves_room() -> None:
    cluster, dice = Cluster(**SMALL, warmStartFrom=[{"name": "one"}, {"name": "two"}]), random.Random(7)  # noqa: S311
    for name in ("one", "two"):
        known = cluster.experiment()
        known["metadata"] = {"name": name}
        cluster.objects.create("experiments", "vision", known)
        theirs = list[Event]()
        for number in range(1000):
            values = {f"parameter{index}": f"{dice.uniform(0.0001, 0.1):.8g}" for index in range(13)}
            theirs += [created(number, values), finished(number, f"{dice.random():.6g}")]
        cluster.note(name, theirs)
    await cluster.run()
    assert cluster.condition("Complete")["reason"] == "Completed"
    assert len(cluster.folded()) == 4
    known_of_others = [float(one.value) for one in cluster.events() if isinstance(one, Warm)]
    assert len(known_of_others) > 600
    assert min(known_of_others) > 0.5


@pytest.mark.parametrize(("field", "value"), [("metric", "val_loss"), ("goal", "Minimize"), ("strategy", "Last")])
async def test_what_another_experiment_knows_of_something_else_is_not_taken(field: str, value: str) -> None:
    cluster = Cluster(**SMALL, warmStartFrom=[{"name": "coarse"}])
    known = cluster.experiment()
    known["metadata"] = {"name": "coarse"}
    known["spec"]["objective"] |= {field: value}
    cluster.objects.create("experiments", "vision", known)
    assert await cluster.settle() == 30
    ready = cluster.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", "WarmStartMismatch")
    assert f"found {field} {value} there and " in ready["message"]
    assert cluster.trials() == []


@pytest.mark.parametrize(("retain", "left"), [("Best", 1), ("All", 4)])
async def test_of_checkpoints_those_of_the_best_are_kept(retain: str, left: int) -> None:
    cluster = await undisturbed(**SMALL, retain=retain)
    given_up = cluster.given_up()
    assert len(given_up) == 4 - left
    assert retain == "All" or cluster.status()["best"]["trial"] not in given_up


@pytest.mark.parametrize("seed", range(2))
async def test_nobody_goes_on_from_checkpoints_that_a_report_has_deleted(seed: int) -> None:
    cluster, gone = Cluster(maxTrials=8, parallelism=2, epochs=27), set[str]()
    chance = random.Random(seed)  # noqa: S311 - by the seed it is the same each time
    for maximum in (8, 16):
        cluster.change(maxTrials=maximum, finish=False)
        for minute in range(40):
            await cluster.settle()
            from_where = str([one["spec"]["training"].get("continueFrom") for one in cluster.trials() if _is_new(one)])
            assert not [uid for uid in gone if uid in from_where]
            for job in cluster.objects.list("jobs"):
                report = decode(job["spec"]["template"]["metadata"]["annotations"][REPORT_ANNOTATION])
                gone |= {folder.uid for trial in report.trials for folder in trial.freed}
            cluster.work()
            if chance.random() < 0.2:  # Somebody deletes a TrainingJob, whatever has become of it.
                cluster.objects.delete("trainingjobs", "vision", chance.choice(cluster.names()))
            cluster.change(finish=minute > 30)
            cluster.now += timedelta(seconds=60)
    assert len(gone) > 8


def _is_new(job: Any) -> bool:
    return not job.get("status")


async def test_a_report_is_written_at_each_new_best_at_most_once_a_minute_and_at_the_end() -> None:
    cluster = Cluster(maxTrials=10, parallelism=3)
    made: list[Any] = []
    cluster.refuse = lambda verb, resource, _: (
        made.append(cluster.now) if (verb, resource) == ("create", "jobs") else None
    )
    await cluster.run()
    assert len(made) >= 2
    assert all(later - earlier >= timedelta(seconds=60) for earlier, later in pairwise(made))


async def test_an_experiment_that_is_deleted_makes_nothing_any_more() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    cluster.objects.patch("experiments", *KEY, {"metadata": {"finalizers": ["somebody/waits"]}})
    cluster.objects.delete("experiments", *KEY)
    cluster.objects.delete("trainingjobs", "vision", "search-0-r0")
    writes = len(cluster.kube.writes)
    await cluster.settle()
    assert len(cluster.kube.writes) == writes
    cluster.objects.patch("experiments", *KEY, {"metadata": {"finalizers": None}})
    cluster.objects.collect()
    assert cluster.trials() == []
    assert await cluster.reconcile() is None


async def test_its_life_ends_once_its_report_is_written() -> None:
    cluster = await undisturbed(**SMALL, ttlSecondsAfterFinished=600)
    after = await cluster.settle()
    assert after is not None
    cluster.now += timedelta(seconds=600)
    await cluster.reconcile()
    assert cluster.objects.list("experiments") == []
    cluster.objects.collect()
    assert cluster.trials() == []


async def test_a_spec_that_leads_nowhere_is_refused_at_once() -> None:
    wrong = [{"name": "rate", "paths": ["network.layers[conv9].filters"], "int": {"min": 1, "max": 2}}]
    cluster = Cluster(**SMALL | {"parameters": wrong})
    await cluster.settle()
    assert (cluster.status()["state"], cluster.condition("Ready")["reason"]) == ("Failed", "InvalidSpec")
    assert "parameter rate" in cluster.condition("Ready")["message"]
    assert cluster.told() == ["InvalidSpec"]
    cluster.change(parameters=[{"name": "rate", "paths": ["network.layers[1].units"], "int": {"min": 1, "max": 99}}])
    await cluster.settle()
    assert cluster.status()["state"] == "Queued"
    assert "completionTime" not in cluster.status()


async def test_an_experiment_with_a_refused_spec_stays_whatever_its_time_to_live_is() -> None:
    wrong = {"name": "rate", "paths": ["network.layers[conv9].filters"], "int": {"min": 1, "max": 2}}
    cluster = Cluster(**SMALL | {"parameters": [wrong]}, ttlSecondsAfterFinished=600)
    assert await cluster.settle() is None
    cluster.now += timedelta(seconds=601)
    await cluster.settle()
    assert cluster.condition("Failed")["reason"] == "InvalidSpec"


def judge_by_stricter_rules(*_: Any) -> NoReturn:
    raise InvalidSpace(["parameter rate: a rule of a later version"])


async def test_what_is_over_is_not_judged_by_other_rules_and_ends_its_life(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = await undisturbed(**SMALL, ttlSecondsAfterFinished=6000)
    await cluster.settle()
    status = cluster.status()
    monkeypatch.setattr(reconcile, "check", judge_by_stricter_rules)
    cluster.boot()
    assert await cluster.settle() is not None
    assert cluster.status() == status
    assert "InvalidSpec" not in cluster.told()
    cluster.now += timedelta(seconds=6000)
    await cluster.settle()
    assert cluster.objects.list("experiments") == []


async def test_a_change_that_breaks_the_rules_is_told_of_one_that_is_over_and_how_it_has_ended_stays() -> None:
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


async def test_a_spec_of_a_later_version_leaves_trials_as_they_are() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    cluster.work()
    await cluster.settle()
    cluster.change(later={"field": 1})
    await cluster.settle()
    assert (cluster.status()["state"], cluster.condition("Ready")["reason"]) == ("Running", "InvalidSpec")
    assert cluster.names() == ["search-0-r0", "search-1-r0"]
    cluster.change(later=None)
    await cluster.run()
    assert cluster.condition("Complete")["reason"] == "Completed"


async def test_trials_of_one_whose_spec_breaks_the_rules_are_suspended_and_go_on_as_it_says() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    cluster.work()
    await cluster.settle()
    cluster.change(later={"field": 1}, suspend=True)
    await cluster.settle()
    assert [one["spec"]["suspend"] for one in cluster.trials()] == [True, True]
    ready = cluster.condition("Ready")
    assert (cluster.status()["state"], ready["reason"]) == ("Running", "InvalidSpec")
    assert "Its trials stop, since spec.suspend is true." in ready["message"]
    cluster.work()
    await cluster.settle()
    status, ready = cluster.status(), cluster.condition("Ready")
    assert (status["state"], cluster.condition("Suspended")["status"]) == ("Suspended", "True")
    assert (ready["reason"], "startTime" in status, status["trials"]["running"]) == ("InvalidSpec", False, 0)
    assert "Its trials are suspended, since spec.suspend is true." in ready["message"]
    cluster.change(suspend=False)
    await cluster.settle()
    assert [one["spec"]["suspend"] for one in cluster.trials()] == [False, False]
    assert (cluster.status()["state"], cluster.condition("Ready")["reason"]) == ("Running", "InvalidSpec")
    assert cluster.told().count("Resumed") == 1
    cluster.change(later=None)
    await cluster.run()
    assert cluster.condition("Complete")["reason"] == "Completed"


async def test_a_trial_that_somebody_resumes_is_suspended_ever_more_seldom_whatever_the_spec_is() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    cluster.change(later={"field": 1}, suspend=True)
    await cluster.settle()
    for _ in range(20):
        cluster.objects.patch("trainingjobs", "vision", "search-0-r0", {"spec": {"suspend": False}}, manager="rival")
        after = await cluster.reconcile()
        cluster.now += timedelta(seconds=1)
    ours = [one for one in cluster.kube.writes if one == "patch trainingjobs/search-0-r0"]
    assert 3 <= len(ours) <= 7
    assert after is not None
    ready = cluster.condition("Ready")
    assert ready["reason"] == "InvalidSpec"
    assert "rival and Epochal overwrite each other's spec.suspend of search-0-r0" in ready["message"]


async def test_a_full_ledger_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epochal_operator.experiment.observed.MAX_TEXT", 1200)
    cluster = Cluster(maxTrials=100, parallelism=2)
    told = list[str]()
    for _ in range(100):
        await cluster.settle()
        told.append(cluster.condition("Ready")["reason"])
        if not cluster.work():
            break
        cluster.now += timedelta(seconds=60)
    await cluster.run()
    assert cluster.condition("Complete")["reason"] == "LedgerFull"
    trials = cluster.folded()
    assert 2 <= len(trials) < 100
    assert told.index("LedgerFull") < told.index("LedgerFull", told.index("LedgerFull") + 1), "while it runs, too"
    assert trials[0].state == "Complete"
    assert promotions(trials, spec(maxTrials=100), closed=True) == []
    assert len(cluster.ledger()) < 1200


async def test_a_ledger_of_long_lines_is_full_before_a_part_of_it_would_not_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = Cluster(**SMALL | {"maxTrials": 1000})
    long = {f"p{number}": "\u00e9" * 256 for number in range(MAX_PARAMETERS)}
    uid = cluster.experiment()["metadata"]["uid"]
    known: list[Event] = [Owner(uid)]
    for number in range(20):
        known += [created(number, long), finished(number, "0.5", ended=True)]
    size = len(gzip.decompress(base64.b64decode(encode(known))))
    monkeypatch.setattr("epochal_operator.experiment.ledger.encoding.MAX_LINES", size + 500)
    cluster.note_text(KEY.name, encode(known), uid)
    await cluster.settle()
    assert cluster.condition("Complete")["reason"] == "LedgerFull"
    assert [one.trials for one in cluster.asked if one.trials] == []
    assert "LedgerDamaged" not in cluster.told()


@pytest.mark.parametrize(("status", "words"), [(422, "Too long"), (403, "Too long"), (500, UNCALLED)])
async def test_a_ledger_that_the_api_server_does_not_take_is_told_and_tried_again(status: int, words: str) -> None:
    cluster = Cluster(**SMALL)
    cluster.refuse = lambda verb, resource, _: (
        Refusal(status, "Invalid", f"data: {words}") if (verb, resource) == ("create", "experimentledgers") else None
    )
    assert await cluster.settle() == 60
    ready = cluster.condition("Ready")
    assert (ready["reason"], cluster.condition("Stalled")["status"]) == ("LedgerRefused", "True")
    assert words in ready["message"]
    assert cluster.trials() == []
    cluster.refuse = lambda *_: None
    await cluster.run()
    assert cluster.condition("Complete")["reason"] == "Completed"


async def test_what_is_suspended_stops_even_where_nothing_can_be_noted() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    cluster.work()
    cluster.refuse = lambda verb, resource, _: (
        Refusal(422, "Invalid", "data: Too long") if (verb, resource) == ("patch", "experimentledgers") else None
    )
    cluster.end(cluster.trials()[0])
    await cluster.settle()
    assert cluster.condition("Ready")["reason"] == "LedgerRefused"
    cluster.change(suspend=True)
    await cluster.settle()
    assert [one["spec"]["suspend"] for one in cluster.trials()] == [False, True]
    cluster.work()
    await cluster.settle()
    assert cluster.status()["state"] == "Suspended"


async def test_a_crd_of_before_that_would_train_trials_to_the_end_is_told() -> None:
    cluster = Cluster(**SMALL)
    create = cluster.objects.create

    def pruned(resource: str, namespace: str, thing: Any, **options: Any) -> Any:
        if resource == "trainingjobs":
            training = {name: value for name, value in thing["spec"]["training"].items() if name != "stopAfterEpoch"}
            thing = thing | {"spec": thing["spec"] | {"training": training}}
        return create(resource, namespace, thing, **options)

    cluster.objects.create = pruned  # type: ignore[method-assign]
    assert await cluster.reconcile() == 30
    ready = cluster.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", "TrialsRefused")
    assert "without spec.training.stopAfterEpoch: upgrade it" in ready["message"]
    assert cluster.trials() == []
    cluster.objects.create = create  # type: ignore[method-assign]
    await cluster.run()
    assert cluster.condition("Complete")["reason"] == "Completed"


async def ended_without_report(refused: str, status: int, words: str) -> Cluster:
    """Returns a search that has ended while something is refused of the Jobs of reports, which is tried again."""
    cluster = Cluster(**SMALL)
    cluster.refuse = lambda verb, resource, _: (
        Refusal(status, "Forbidden", words) if (verb, resource) == (refused, "jobs") else None
    )
    for _ in range(20):
        after = await cluster.settle()
        cluster.work()
        cluster.now += timedelta(seconds=60)
    assert cluster.status()["state"] == "Complete"
    assert after is not None
    assert 600 <= after <= 1200
    return cluster


@pytest.mark.parametrize(("status", "words"), [(403, "exceeded quota: jobs"), (500, UNCALLED)])
async def test_a_report_that_cannot_be_made_holds_nothing_up_and_is_tried_again(status: int, words: str) -> None:
    cluster = await ended_without_report("create", status, words)
    assert "ReportFailed" in cluster.told()
    cluster.refuse = lambda *_: None
    await cluster.run()
    assert cluster.objects.list("jobs")


@pytest.mark.parametrize(("status", "words"), [(403, "nobody deletes Jobs here"), (500, UNCALLED)])
async def test_a_report_whose_job_may_not_be_deleted_is_told_of_and_ends_the_search_all_the_same(
    status: int, words: str
) -> None:
    cluster = await ended_without_report("delete", status, words)
    assert any(words in one["note"] for one in cluster.objects.list("events") if one["reason"] == "ReportFailed")


async def test_its_life_does_not_end_while_a_quota_is_in_the_way_of_its_report_but_for_a_day() -> None:
    cluster = Cluster(**SMALL, ttlSecondsAfterFinished=0)
    cluster.refuse = lambda verb, resource, _: (
        Refusal(403, "Forbidden", "exceeded quota: jobs") if (verb, resource) == ("create", "jobs") else None
    )
    for _ in range(20):
        await cluster.settle()
        cluster.work()
        cluster.now += timedelta(seconds=60)
    assert cluster.status()["state"] == "Complete"
    cluster.now += timedelta(days=1)
    await cluster.settle()
    assert cluster.objects.list("experiments") == []


@pytest.mark.parametrize("hours", [2, 48])
async def test_its_life_does_not_end_while_its_report_fails_but_for_a_day(hours: float) -> None:
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
        is_busy = cluster.work() or not after
        written = sum(job["status"] != broken for job in cluster.objects.list("jobs"))
        cluster.now += timedelta(seconds=60 if is_busy or after is None else after)
    assert written == (hours < 24)
    assert timedelta(hours=min(hours, 24)) <= cluster.now - NOW < timedelta(hours=25)


async def test_of_one_that_is_over_nothing_is_kept_in_memory() -> None:
    cluster = await undisturbed(**SMALL)
    ledgers = cluster.reconciler._applier.ledgers
    kept = pickle.dumps([cluster.reconciler._specs, dict(ledgers._known)])
    assert len(kept) < 512
    cluster.change(maxTrials=5)
    await cluster.run()
    assert cluster.status()["trials"]["created"] == 5


async def test_a_report_that_fails_for_good_is_given_up_a_day_after_the_end_and_tried_once_its_job_is_deleted() -> None:
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
        cluster.work()
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
    (told, *_) = (one for one in cluster.objects.list("events") if one["reason"] == "ReportFailed")
    assert "at once if the Job search-report is deleted" in told["note"]
    tries = len(made)
    cluster.now += timedelta(days=30)
    cluster.boot()
    assert await fail() is None
    assert len(made) == tries
    cluster.objects.delete("jobs", "vision", "search-report")
    await cluster.settle()
    assert len(made) == tries + 1
