"""The row of a run: usual objects, and objects of any content."""

from datetime import UTC, datetime
from typing import Any

import pytest
from epochal_studio.runs.summary import key, monitored, summary
from epochal_studio.wire.runs import MetricValue
from hypothesis import given, settings
from hypothesis import strategies as st

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
METADATA = {
    "name": "mnist",
    "namespace": "vision",
    "uid": "u-1",
    "resourceVersion": "7",
    "creationTimestamp": "2026-11-30T10:00:00Z",
}


def job(**status: Any) -> dict[str, Any]:
    spec = {"training": {"epochs": 10}}
    return {"kind": "TrainingJob", "metadata": METADATA, "spec": spec, "status": status}


def experiment(**status: Any) -> dict[str, Any]:
    spec = {"objective": {"metric": "val_loss", "goal": "Minimize"}, "maxTrials": 20}
    return {"kind": "Experiment", "metadata": METADATA, "spec": spec, "status": status}


BEST = {"epoch": 2, "metric": "val_loss", "mode": "Min", "value": "0.25"}


def test_a_new_job_is_pending_with_the_epochs_of_its_spec() -> None:
    found = summary({"kind": "TrainingJob", "metadata": METADATA, "spec": {"training": {"epochs": 10}}}, NOW)
    assert (found.state, found.percent, found.epoch, found.epochs, found.metrics) == ("Pending", 0, None, 10, [])
    assert found.created == datetime(2026, 11, 30, 10, tzinfo=UTC)


def test_a_running_job() -> None:
    progress = {"epoch": 3, "epochs": 10, "percent": 32, "estimatedCompletionTime": "2026-11-30T13:00:00+01:00"}
    found = summary(
        job(state="Running", progress=progress, metrics={"loss": "0.5", "val_loss": "NaN"}, best=BEST), NOW, [1.0, 0.5]
    )
    assert (found.percent, found.epoch, found.epochs) == (32, 3, 10)
    assert [(each.name, each.value) for each in found.metrics] == [("loss", 0.5), ("val_loss", None)]
    assert found.best is not None
    assert (found.best.name, found.best.value) == ("val_loss", 0.25)
    assert found.estimated_completion_time == NOW
    assert found.sparkline == [1.0, 0.5]
    assert not found.has_model


def test_a_waiting_job_has_the_reason() -> None:
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "Unschedulable",
        "message": "0/3 nodes\nhave a free GPU",
        "lastTransitionTime": "2026-11-30T10:00:00Z",
    }
    assert summary(job(state="Queued", conditions=[ready]), NOW).reason == "Unschedulable: 0/3 nodes have a free GPU"


def test_a_complete_job_has_a_model_and_no_estimate() -> None:
    model = {"name": "model.keras", "uri": "s3://b/k", "sha256": "0" * 64, "epoch": 3}
    results = {"uri": "s3://b/", "models": [model]}
    progress = {"epoch": 3, "epochs": 10, "percent": 30, "estimatedCompletionTime": "2026-11-30T13:00:00Z"}
    found = summary(job(state="Complete", results=results, progress=progress), NOW)
    assert (found.has_model, found.percent, found.estimated_completion_time) == (True, 100, None)
    assert not summary(job(state="Failed", results=results), NOW).has_model


def test_the_monitored_metric_is_always_among_the_metrics() -> None:
    values = {f"m{number}": "1" for number in range(9)} | {"val_loss": "0.3"}
    names = [each.name for each in summary(job(state="Running", metrics=values, best=BEST), NOW).metrics]
    assert names == ["val_loss", "m0", "m1", "m2", "m3", "m4"]


def test_an_experiment_has_its_trials_and_its_best_value() -> None:
    best = {"trial": 3, "jobName": "search-3-0", "value": "0.1"}
    counts = {"created": 8, "running": 2, "complete": 5, "paused": 1}
    found = summary(experiment(state="Running", trials=counts, best=best), NOW)
    assert found.trials == {"created": 8, "running": 2, "complete": 5, "failed": 0, "paused": 1, "total": 20}
    assert found.percent == 25
    assert [(each.name, each.value) for each in found.metrics] == [("val_loss", 0.1)]
    assert not found.has_model
    assert summary(experiment(state="Complete", best=best), NOW).has_model


def test_a_trial_names_its_experiment() -> None:
    labels = {"epochal.dev/experiment": "search"}
    assert summary(job() | {"metadata": METADATA | {"labels": labels}}, NOW).experiment == "search"


def test_a_state_of_a_newer_operator_is_shown() -> None:
    assert summary(job(state="Hibernating"), NOW).state == "Hibernating"


def test_a_sparkline_keeps_the_last_finite_values() -> None:
    assert summary(job(), NOW, [*map(float, range(100)), float("nan")]).sparkline == [*map(float, range(69, 100))]


def test_the_monitored_metric_of_a_sparkline() -> None:
    found = monitored(summary(job(metrics={"val_loss": "0.5"}, best=BEST), NOW))
    assert found is not None
    assert (found.name, found.value) == ("val_loss", 0.5)
    assert monitored(summary(job(best=BEST), NOW)) == MetricValue(name="val_loss", value=None)
    assert monitored(summary(job(), NOW)) is None
    best = monitored(summary(experiment(best={"value": "0.25", "jobName": "t-1", "trial": 1}), NOW))
    assert best == MetricValue(name="val_loss", value=0.25)


DEEP: Any = "leaf"
for _ in range(3000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"kind": 7, "metadata": [], "spec": "text", "status": 3},
        job(progress=[1], metrics="x", best=5, trials=[], warnings={}, conditions="no", results=[]),
        job(progress={"percent": -5, "epoch": 10**400, "epochs": -1}, metrics={"loss": "1e999", "acc": "9" * 10**5}),
        job(state="Running\u202e\n" * 1000, conditions=[None, {"type": []}], startTime="0001-01-01T00:00:00+14:00"),
        job(progress=DEEP, conditions=[DEEP], results={"models": DEEP}),
        experiment(trials={"created": "many", "failed": -1}, best={"value": {}}),
        {"kind": "Experiment", "metadata": METADATA, "spec": {"objective": 1, "maxTrials": "x"}, "status": {}},
        {"kind": "TrainingJob", "metadata": METADATA | {"labels": [1], "name": "n" * 10**6}},
    ],
    ids=range(9),
)
def test_hostile_objects_have_a_row(found: Any) -> None:
    row = summary(found, NOW)
    assert 0 <= row.percent <= 100
    assert len(row.model_dump_json()) < 10_000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
FIELDS = ("state", "progress", "metrics", "best", "trials", "conditions", "warnings", "results", "startTime", "test")


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), JSON), JSON, st.sampled_from(["TrainingJob", "Experiment", "x"]))
def test_any_object_has_a_row(status: Any, other: Any, kind: str) -> None:
    found = {"kind": kind, "metadata": other, "spec": other, "status": status}
    assert summary(found, NOW).kind in {"TrainingJob", "Experiment"}
    assert key(found).name


def server(**status: Any) -> dict[str, Any]:
    return {"kind": "ModelServer", "metadata": METADATA, "spec": {}, "status": status}


def test_a_server_has_its_model_and_its_pods() -> None:
    url, uri = "http://mnist.vision.svc:8080", "s3://results/vision/mnist/u-1/best.onnx"
    model = {"uri": uri, "sha256": "5e" * 32, "trainingJobName": "mnist-3", "experimentName": "mnist"}
    found = summary(server(state="Updating", url=url, model=model, replicas=3, readyReplicas=2), NOW).server
    assert found is not None
    assert (found.url, found.model, found.ready_replicas, found.replicas) == (url, uri, 2, 3)
    assert found.source is not None
    assert (found.source.kind, found.source.namespace, found.source.name) == ("Experiment", "vision", "mnist")
    trained = summary(server(model={**model, "experimentName": None}), NOW).server
    assert trained is not None
    assert trained.source is not None
    assert (trained.source.kind, trained.source.name) == ("TrainingJob", "mnist-3")


def test_a_new_server_has_no_model_and_a_job_is_no_server() -> None:
    found = summary(server(), NOW).server
    assert found is not None
    assert (found.url, found.model, found.source, found.replicas, found.ready_replicas) == ("", "", None, 0, 0)
    assert summary(job(), NOW).server is None
