"""The status, results, Events and pod of a TrainingJob are those of the README."""

import csv
import hashlib
import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from minio import Minio

from tests.kit import buckets
from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import Object, get, kubectl

CONDITIONS = dict.fromkeys(("Ready", "Complete", "Finished"), "True") | dict.fromkeys(
    ("Failed", "Stalled", "Suspended"), "False"
)


QUIET = {"name": "SparseCategoricalCrossentropy", "from_logits": True}
"""A loss that does not match the softmax of the last layer: a mistake that fails nothing."""


@pytest.fixture(scope="module")
def finished(namespace: Namespace) -> Object:
    namespace.apply(digits(), digits("quiet", training__loss=QUIET, training__epochs=1))
    namespace.complete()
    return namespace.job()


@pytest.fixture(scope="module")
def results(finished: Object, store: Minio) -> dict[str, bytes]:
    """The objects in the results folder, by name relative to it."""
    return buckets.objects(store, finished["status"]["results"]["uri"])


def test_the_status_is_complete(finished: Object) -> None:
    status = finished["status"]
    assert {c["type"]: c["status"] for c in status["conditions"]} == CONDITIONS
    assert all(c["observedGeneration"] == finished["metadata"]["generation"] for c in status["conditions"])
    assert status["observedGeneration"] == finished["metadata"]["generation"]
    assert status["state"] == "Complete"
    assert status["attempt"] == 1
    assert status["jobName"] == "digits"
    assert datetime.fromisoformat(status["startTime"]) < datetime.fromisoformat(status["completionTime"])


def test_status_has_the_figures_of_the_last_epoch(finished: Object) -> None:
    status, epochs = finished["status"], finished["spec"]["training"]["epochs"]
    progress = status["progress"]
    assert 1 <= progress["epoch"] <= epochs
    assert progress["epochs"] == epochs
    assert progress["stepsPerEpoch"] == 36
    assert progress["percent"] == 100
    assert "estimatedCompletionTime" not in progress
    assert set(status["metrics"]) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert status["best"]["metric"] == "val_loss"
    assert float(status["best"]["value"]) <= float(status["metrics"]["val_loss"])
    assert float(status["test"]["accuracy"]) > 0.9
    assert status["network"] == {"parameters": 5930, "layers": 5}


def test_kubectl_get_shows_epoch_metric_and_model(namespace: Namespace, finished: Object) -> None:
    header, row = kubectl("get", "tj", "digits", "--namespace", namespace.name, "--output", "wide").splitlines()
    assert header.split() == [
        "NAME",
        "STATE",
        "EPOCH",
        "METRIC",
        "BEST",
        "ETA",
        "AGE",
        "REASON",
        "LAST",
        "REPORT",
        "ATTEMPT",
        "GPUS",
        "PARAMETERS",
        "MODEL",
    ]
    assert f"{finished['status']['progress']['epoch']}/8" in row
    assert "val_loss " in row
    assert row.rstrip().endswith("/model.keras")


def test_results_are_complete(results: dict[str, bytes]) -> None:
    names = {"model.keras", "history.csv", "curves.png", "training.log", "data.json", "summary.json"}
    assert names <= set(results)
    assert any(name.startswith("tensorboard/") for name in results)
    assert results["curves.png"].startswith(b"\x89PNG")


def test_results_hold_no_credentials(results: dict[str, bytes]) -> None:
    keys = [key.encode() for key in buckets.credentials()]
    found = {name: name.encode() + buckets.unpacked(content) for name, content in results.items()}
    assert [name for name, text in found.items() if any(key in text for key in keys)] == []


def test_the_status_has_the_epoch_of_each_model(
    namespace: Namespace, finished: Object, results: dict[str, bytes]
) -> None:
    """EarlyStopping has restored the weights of the best epoch, so there is one model."""
    status = finished["status"]
    (model,) = status["results"]["models"]
    assert (model["name"], model["uri"]) == ("model.keras", status["results"]["model"])
    assert model["epoch"] == status["best"]["epoch"]
    assert model["sha256"] == hashlib.sha256(results["model.keras"]).hexdigest()
    (note,) = [event["message"] for event in namespace.events() if event["reason"] == "Completed"]
    assert f"model.keras holds epoch {model['epoch']}, the best (val_loss " in note


def test_the_best_model_lies_beside_the_last_one(namespace: Namespace, store: Minio) -> None:
    """Monitored is the highest loss, so the first epoch is the best."""
    worst = {"metric": "loss", "mode": "Max"}
    namespace.apply(digits("worst", training__epochs=3, training__callbacks=[], training__monitor=worst))
    status = namespace.complete("worst")
    last, best = status["results"]["models"]
    assert [(item["name"], item["epoch"]) for item in (last, best)] == [("model.keras", 3), ("best.keras", 1)]
    assert (status["best"]["epoch"], status["best"]["metric"], status["best"]["mode"]) == (1, "loss", "Max")
    assert float(best["test"]["loss"]) > float(status["test"]["loss"])
    assert status["display"]["metric"].startswith("loss ")
    found = buckets.objects(store, status["results"]["uri"])
    for item in (last, best):
        assert hashlib.sha256(found[item["name"]]).hexdigest() == item["sha256"]
    (note,) = [event["message"] for event in namespace.events("worst") if event["reason"] == "Completed"]
    assert "model.keras holds epoch 3 (loss " in note
    assert "best.keras holds epoch 1, the best (loss " in note


def test_history_has_a_row_for_each_epoch(finished: Object, results: dict[str, bytes]) -> None:
    rows = list(csv.DictReader(io.StringIO(results["history.csv"].decode())))
    assert [int(row["epoch"]) for row in rows] == list(range(1, finished["status"]["progress"]["epoch"] + 1))
    last = finished["status"]["metrics"]
    assert float(rows[-1]["val_loss"]) == pytest.approx(float(last["val_loss"]), rel=1e-3)


def test_the_summary_has_the_spec_and_the_versions(finished: Object, results: dict[str, bytes]) -> None:
    summary: dict[str, Any] = json.loads(results["summary.json"])
    assert summary["spec"]["training"]["epochs"] == finished["spec"]["training"]["epochs"]
    assert {"keras", "tensorflow", "numpy", "python"} <= set(summary["versions"])


def test_the_stored_model_has_the_test_accuracy_of_the_status(
    finished: Object, results: dict[str, bytes], digits_file: Path, tmp_path: Path
) -> None:
    import keras  # noqa: PLC0415  TensorFlow takes seconds to import: only this test needs it

    (tmp_path / "model.keras").write_bytes(results["model.keras"])
    model = keras.models.load_model(tmp_path / "model.keras")
    data = np.load(digits_file)
    predicted = model.predict(data["x_test"][..., None].astype("float32"), verbose=0).argmax(axis=1)
    accuracy = float((predicted == data["y_test"]).mean())
    assert accuracy == pytest.approx(float(finished["status"]["test"]["accuracy"]), abs=0.01)


def test_events_are_unique_and_in_order(namespace: Namespace, finished: Object) -> None:
    reasons = [event["reason"] for event in sorted(namespace.events(), key=lambda event: str(event["eventTime"]))]
    assert len(reasons) == len(set(reasons)), reasons
    assert [reason for reason in reasons if reason in {"Started", "Completed"}] == ["Started", "Completed"]
    assert reasons[-1] == "Completed"


def test_a_warning_is_in_status_event_summary_and_log_once(
    namespace: Namespace, finished: Object, store: Minio
) -> None:
    status = namespace.complete("quiet")
    (warning,) = status["warnings"]
    assert warning["reason"] == "ActivationMismatch"
    assert "spec.network.layers[4] (Dense, " in warning["message"]
    assert status["warned"] == ["ActivationMismatch"]
    (event,) = (event for event in namespace.events("quiet") if event["reason"] == "ActivationMismatch")
    assert (event["type"], event["message"]) == ("Warning", warning["message"])
    summary = json.loads(buckets.objects(store, status["results"]["uri"])["summary.json"])
    assert summary["warnings"] == [warning]
    assert f"Warning, ActivationMismatch: {warning['message']}" in kubectl(
        "logs", "job/quiet", "--namespace", namespace.name
    )
    assert "warnings" not in finished["status"]


def test_log_reads_well(namespace: Namespace, finished: Object) -> None:
    log = kubectl("logs", "job/digits", "--namespace", namespace.name)
    for words in ("digits.npz", "8×8", "10 classes", "Conv2D", "5,930", "val_loss", "model.keras"):
        assert words in log
    assert "Traceback" not in log


def test_pod_has_no_rights(namespace: Namespace, finished: Object) -> None:
    (pod,) = namespace.pods()
    spec, container = pod["spec"], pod["spec"]["containers"][0]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    job = get("job", "digits", namespace=namespace.name)
    (owner,) = job["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("TrainingJob", finished["metadata"]["uid"], True)


def test_explain_reads_well() -> None:
    text = kubectl("explain", "tj.spec.data")
    assert "Bucket that holds the data." in text
    assert "Format of the objects: idx, npz or pickle" in text
    text = " ".join(kubectl("explain", "tj.spec.training").split())
    for default in ("Default: 1.", "Default: 32.", "Default: RMSprop", "Default: 0."):
        assert default in text


def test_whole_numbers_and_class_weights_keep_their_types(namespace: Namespace, store: Minio) -> None:
    """The API server writes 0.0 as 0, and Keras would compute with integers then."""
    schedule = {"name": "CosineDecay", "initial_learning_rate": 0.0, "decay_steps": 100}
    warmup = {"warmup_target": 1.0, "warmup_steps": 20}
    layers = [{"layer": "Rescaling", "scale": 0.0625}, {"layer": "Flatten"}, {"layer": "Dropout", "rate": 0.0}]
    job = digits(
        "whole-numbers",
        training__epochs=1,
        training__optimizer={"name": "SGD", "learning_rate": schedule | warmup},
        training__classWeight={"0": 1, "7": "2.5"},
        data__validation={"split": "0.2", "stratify": True},
        data__shuffle=True,
        network__layers=[*layers, {"layer": "Dense", "units": 10, "activation": "softmax"}],
    )
    namespace.apply(job)
    status = namespace.complete("whole-numbers")
    served = namespace.job("whole-numbers")["spec"]["training"]
    assert repr(served["optimizer"]["learning_rate"]["initial_learning_rate"]) == "0"
    assert served["classWeight"] == {"0": 1, "7": "2.5"}
    summary = json.loads(buckets.objects(store, status["results"]["uri"])["summary.json"])
    assert summary["data"]["division"] == {"shuffle": True, "stratify": True, "seed": 7}
    assert (summary["data"]["classWeights"]["7"], summary["data"]["classWeights"]["1"]) == (2.5, 1.0)
