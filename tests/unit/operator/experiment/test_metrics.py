"""The Prometheus series of Experiments."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from epochal_operator.experiment.metrics import METRICS
from epochal_operator.experiment.resources import EXPERIMENTS
from epochal_operator.runtime.metrics import ObjectCollector
from hypothesis import given
from hypothesis import strategies as some
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families as parse

from tests.unit.operator.experiment.cluster import KEY as KEY_OF_SEARCH
from tests.unit.operator.experiment.cluster import Cluster

SEARCH: dict[str, Any] = {
    "metadata": {
        "name": "search",
        "namespace": "vision",
        "uid": "5f1c",
        "creationTimestamp": "2026-11-25T10:00:00Z",
        "labels": {"team": "vision"},
    },
    "status": {
        "state": "Running",
        "conditions": [
            {"type": "Ready", "status": "False", "reason": "NameConflict"},
            {"type": "Stalled", "status": "False", "reason": "Progressing"},
            {"type": "Finished", "status": "True", "reason": "Complete"},
        ],
        "trials": {"created": 23, "queued": 2, "running": 4, "paused": 9, "complete": 7, "failed": 1},
        "best": {"trial": 12, "value": "0.9921"},
        "display": {"best": "val_accuracy 0.9921"},
        "epochs": {"trained": 61, "saved": 130, "repeated": 0},
        "startTime": "2026-11-25T10:00:00Z",
    },
}
KEY = {"namespace": "vision", "name": "search"}


def samples(things: Iterable[Any], *labels: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    registry = CollectorRegistry()
    registry.register(ObjectCollector(partial(METRICS.collect, labels=labels), lambda: things))
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in parse(generate_latest(registry).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_the_series() -> None:
    found = samples([SEARCH])
    assert found["epochal_experiment_info"] == [({**KEY, "uid": "5f1c"}, 1)]
    assert found["epochal_experiment_state"] == [({**KEY, "state": "Running"}, 1)]
    assert found["epochal_experiment_condition"] == [({**KEY, "condition": "Ready", "status": "False"}, 1)]
    assert found["epochal_experiment_reason"] == [({**KEY, "reason": "NameConflict", "fault": "User"}, 1)]
    assert {labels["state"]: value for labels, value in found["epochal_experiment_trials"]} == {
        "queued": 2, "running": 4, "paused": 9, "complete": 7, "failed": 1, "diverged": 0
    }  # fmt: skip
    assert found["epochal_experiment_best_value"] == [({**KEY, "metric": "val_accuracy"}, 0.9921)]
    assert found["epochal_experiment_epochs_trained"] == [(KEY, 61)]
    assert found["epochal_experiment_epochs_saved"] == [(KEY, 130)]
    assert found["epochal_experiment_epochs_repeated"] == [(KEY, 0)]
    assert found["epochal_experiment_start_time_seconds"] == [(KEY, 1795600800.0)]
    assert "epochal_experiment_completion_time_seconds" not in found


async def test_series_survive_a_restart_and_end_with_the_experiment() -> None:
    cluster = Cluster(maxTrials=4, epochs=3, parallelism=2)
    await cluster.run()
    before = samples(cluster.store.objects(EXPERIMENTS))
    assert before["epochal_experiment_best_value"]
    assert before["epochal_experiment_epochs_saved"]
    cluster.restart_operator()
    cluster.sync_cache()
    assert samples(cluster.store.objects(EXPERIMENTS)) == before, "the cache has all fields of the series"
    await cluster.settle()
    assert samples(cluster.store.objects(EXPERIMENTS)) == before
    cluster.objects.delete("experiments", *KEY_OF_SEARCH)
    cluster.sync_cache()
    assert samples(cluster.store.objects(EXPERIMENTS)) == {}


def test_metric_labels_are_on_all_series() -> None:
    found = samples([SEARCH], "team")
    assert all(labels["label_team"] == "vision" for series in found.values() for labels, _ in series)


def test_series_without_a_status() -> None:
    found = samples([{"metadata": SEARCH["metadata"]}])
    assert set(found) == {"epochal_experiment_info", "epochal_experiment_created_time_seconds"}
    assert samples([]) == {}


def test_unknown_reasons_are_other() -> None:
    odd = {**SEARCH, "status": {"conditions": [{"type": "Ready", "status": "False", "reason": "Anything"}]}}
    assert samples([odd])["epochal_experiment_reason"] == [({**KEY, "reason": "Other", "fault": "Cluster"}, 1)]


ODD: some.SearchStrategy[Any] = some.sampled_from([None, 7, 10**400, "text", [], [7], ["type"], {}, {"type": []}])


@given(some.dictionaries(some.sampled_from([*SEARCH["status"]]), ODD), some.sampled_from(["status", "metadata"]), ODD)
def test_invalid_objects_do_not_break_the_scrape(status: dict[str, Any], part: str, odd: Any) -> None:
    odd_one = {**SEARCH, "status": status, part: odd} if odd else {**SEARCH, "status": status}
    found = samples([odd_one, SEARCH])
    assert ({**KEY, "metric": "val_accuracy"}, 0.9921) in found["epochal_experiment_best_value"]
