"""Deadline, suspension and retries while a ledger is full, refused or unreadable."""

import json
import random
from datetime import timedelta
from typing import Any

import pytest
from epochal_operator.experiment.ledger import encoding
from epochal_operator.experiment.ledger.store import LedgerStore

from tests.kit.fake.objects import Refusal
from tests.unit.operator.experiment.cluster import KEY, Cluster, refusing, suggest_by_number

FOUR: dict[str, Any] = {"maxTrials": 4, "parallelism": 2, "epochs": 3, "schedule": {"method": "None"}}
DENIED = Refusal(403, "Forbidden", "denied")
_ASTRAL = [chr(0x20000 + number) for number in range(1024)]


async def training(**changes: Any) -> Cluster:
    """Returns a search with two running trials."""
    cluster = Cluster(**FOUR | changes)
    cluster.search = suggest_by_number
    await cluster.settle()
    for job in cluster.jobs():
        cluster.patch_status(job, {"state": "Running", "startTime": cluster.time(), "conditions": []})
    await cluster.settle()
    cluster.now += timedelta(seconds=60)
    await cluster.settle()
    return cluster


def break_ledger(cluster: Cluster, verb: str) -> None:
    """Refuses all reads of ledgers, or all writes while an event is due."""
    cluster.refuse = refusing(verb, "experimentledgers", DENIED)
    if verb == "get":
        cluster.restart_operator()
    else:
        cluster.finish_rung(cluster.jobs()[0])


def is_suspended(cluster: Cluster, name: str = "search-1-r0") -> bool:
    (job,) = (job for job in cluster.jobs() if job["metadata"]["name"] == name)
    return bool(job["spec"]["suspend"])


@pytest.mark.parametrize("verb", ["get", "patch"])
async def test_the_deadline_applies_without_a_usable_ledger(verb: str) -> None:
    cluster = await training(activeDeadlineSeconds=600)
    break_ledger(cluster, verb)
    reason = "LedgerUnavailable" if verb == "get" else "LedgerRefused"
    while cluster.status()["state"] == "Running":
        after = await cluster.settle()
        if after is None:
            break
        cluster.now += timedelta(seconds=after)
        assert cluster.ready()[1] == reason or cluster.status()["state"] == "Failed"
    assert (cluster.status()["state"], cluster.ready()[1]) == ("Failed", "DeadlineExceeded")
    assert is_suspended(cluster)
    ended = cluster.status()
    assert ended["completionTime"] >= ended["startTime"]
    cluster.refuse = lambda *_: None
    cluster.restart_operator()
    cluster.now += timedelta(minutes=5)
    await cluster.settle()
    assert cluster.ready()[1] == "DeadlineExceeded"
    assert cluster.status()["startTime"] == ended["startTime"]


async def test_a_deadline_raised_without_a_ledger_applies_once_it_can_be_read() -> None:
    cluster = await training(activeDeadlineSeconds=600)
    break_ledger(cluster, "get")
    cluster.now += timedelta(hours=1)
    await cluster.settle()
    assert cluster.ready()[1] == "DeadlineExceeded"
    cluster.change(activeDeadlineSeconds=86400)
    after = await cluster.settle()
    assert cluster.ready()[1] == "LedgerUnavailable"
    assert after is not None
    cluster.refuse = lambda *_: None
    cluster.now += timedelta(seconds=after)
    await cluster.settle()
    assert cluster.status()["state"] == "Running"
    assert not is_suspended(cluster)


async def test_finish_suspends_unstarted_trials_without_a_readable_ledger() -> None:
    cluster = await training()
    cluster.patch_status(cluster.jobs()[1], {"state": "Queued", "startTime": None})
    break_ledger(cluster, "get")
    cluster.change(finish=True)
    await cluster.settle()
    assert (is_suspended(cluster, "search-0-r0"), is_suspended(cluster)) == (False, True)


async def test_unexpected_training_jobs_are_suspended_while_the_ledger_is_refused() -> None:
    cluster = await training()
    break_ledger(cluster, "patch")
    create_trials(cluster, {"rate": "0.05"}, range(2, 3))
    await cluster.settle()
    assert cluster.ready()[1] == "LedgerRefused"
    assert (is_suspended(cluster, "search-2-r0"), is_suspended(cluster)) == (True, False)


def create_trials(cluster: Cluster, parameters: dict[str, str], numbers: range) -> None:
    """Creates TrainingJobs as an editor of the namespace, as if they were trials."""
    experiment = cluster.experiment()
    owner = {"apiVersion": "epochal.dev/v1alpha1", "kind": "Experiment", "name": KEY.name, "controller": True}
    for number in numbers:
        metadata = {
            "name": f"search-{number}-r0",
            "labels": {"epochal.dev/experiment": KEY.name},
            "annotations": {
                "epochal.dev/parameters": json.dumps(parameters, ensure_ascii=False),
                "epochal.dev/known": "0",
            },
            "ownerReferences": [owner | {"uid": experiment["metadata"]["uid"]}],
        }
        spec = experiment["spec"]["template"]["spec"] | {"suspend": False}
        cluster.objects.create("trainingjobs", KEY.namespace, {"metadata": metadata, "spec": spec})


async def test_a_ledger_with_trials_gets_no_trial_from_a_training_job() -> None:
    cluster = await training()
    create_trials(cluster, {"rate": "0.05"}, range(2, 5))
    await cluster.settle()
    assert [one.number for one in cluster.ledger_trials()] == [0, 1]
    assert {is_suspended(cluster, f"search-{number}-r0") for number in range(2, 5)} == {True}


async def test_a_full_ledger_is_written_again_only_after_a_growing_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    """The spec may list the largest values, so the limit of a ledger alone bounds the work."""
    dice = random.Random(0)  # noqa: S311 - equal in each run
    values = ["".join(dice.choices(_ASTRAL, k=256)) for _ in range(64)]
    parameters = [
        {"name": f"p{index}", "paths": [f"network.layers[d{index}].activation"], "values": ["relu", "tanh", *values]}
        for index in range(4)
    ]
    cluster = Cluster(parameters=parameters, template=_dense(4), suspend=True)
    for number in range(200):
        create_trials(cluster, {f"p{index}": dice.choice(values) for index in range(4)}, range(number, number + 1))
    cluster.change(suspend=False)
    lines, appended, line, append = 0, list[int](), encoding._line, LedgerStore.append

    def counted(*arguments: Any) -> str:
        nonlocal lines
        lines += 1
        return line(*arguments)

    async def noted(*arguments: Any) -> None:
        appended.append(round((cluster.now - began).total_seconds()))
        await append(*arguments)

    monkeypatch.setattr(encoding, "_line", counted)
    monkeypatch.setattr(encoding, "MAX_DECOMPRESSED_BYTES", 100_000)
    monkeypatch.setattr(LedgerStore, "append", noted)
    began = cluster.now
    for _ in range(40):
        await cluster.settle()
        cluster.now += timedelta(seconds=15)  # another reconcile, by a change of a TrainingJob
    assert cluster.ready()[1] == "LedgerRefused"
    assert appended == [0, 60, 120, 240, 480]
    assert lines <= 20 * len(appended), "of 401: two for each TrainingJob"


def _dense(count: int) -> Any:
    template = Cluster().experiment()["spec"]["template"]
    dense = [{"layer": "Dense", "name": f"d{index}", "units": 4, "activation": "relu"} for index in range(count)]
    output = {"layer": "Dense", "units": 10, "activation": "softmax"}
    template["spec"]["network"]["layers"] = [{"layer": "Flatten"}, *dense, output]
    return template
