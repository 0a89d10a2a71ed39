"""The Prometheus metrics of ModelServers."""

from typing import Any

from epochal_operator.modelserver.metrics import METRICS

from tests.unit.operator.modelserver.servers import SHA, document
from tests.unit.operator.objects import at

KEY = {"namespace": "vision", "name": "digits"}
STATUS: dict[str, Any] = {
    "state": "Degraded",
    "replicas": 3,
    "readyReplicas": 2,
    "readyTime": at(0),
    "model": {"runtime": "ONNX", "sha256": SHA, "uri": "s3://models/model.onnx"},
    "conditions": [
        {"type": "Ready", "status": "True", "reason": "Serving"},
        {"type": "Progressing", "status": "False", "reason": "CheckDiffers"},
        {"type": "Stalled", "status": "True", "reason": "CheckDiffers"},
        {"type": "ImagesSuitable", "status": "False", "reason": "NotTheSizeOfMNIST"},
        {"type": "Theirs", "status": "True", "reason": "Own"},
    ],
}


def samples(servers: list[Any], labels: tuple[str, ...] = ()) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in METRICS.collect(servers, labels):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_metrics_of_a_model_server() -> None:
    found = samples([document(STATUS)])
    uid = document()["metadata"]["uid"]
    assert found["epochal_modelserver_info"] == [({**KEY, "uid": uid, "runtime": "ONNX", "sha256": SHA}, 1)]
    assert found["epochal_modelserver_state"] == [({**KEY, "state": "Degraded"}, 1)]
    assert [labels for labels, _ in found["epochal_modelserver_condition"]] == [
        {**KEY, "condition": "Ready", "status": "True"},
        {**KEY, "condition": "Progressing", "status": "False"},
        {**KEY, "condition": "Stalled", "status": "True"},
        {**KEY, "condition": "ImagesSuitable", "status": "False"},
    ]
    assert found["epochal_modelserver_reason"] == [({**KEY, "reason": "CheckDiffers", "fault": "User"}, 1)]
    assert found["epochal_modelserver_replicas"] == [(KEY, 3)]
    assert found["epochal_modelserver_ready_replicas"] == [(KEY, 2)]
    assert "epochal_modelserver_ready_time_seconds" in found


def test_model_server_without_status_has_only_info() -> None:
    assert set(samples([document()])) == {"epochal_modelserver_info"}


def test_foreign_reasons_share_one_label() -> None:
    odd = document({"conditions": [{"type": "Progressing", "status": "False", "reason": "ErrImageNeverPull"}]})
    assert samples([odd])["epochal_modelserver_reason"] == [({**KEY, "reason": "Other", "fault": "Cluster"}, 1)]


def test_invalid_object_does_not_affect_other_series() -> None:
    broken = {"metadata": {"name": "broken", "namespace": 3}, "status": {"conditions": "odd", "state": ["odd"]}}
    found = samples([broken, document(STATUS)])
    assert ({**KEY, "state": "Degraded"}, 1) in found["epochal_modelserver_state"]


def test_metric_labels_are_on_all_series() -> None:
    one = document(STATUS)
    one["metadata"]["labels"] = {"team": "vision"}
    found = samples([one], ("team",))
    assert all(labels["label_team"] == "vision" for series in found.values() for labels, _ in series)
