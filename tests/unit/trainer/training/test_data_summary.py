import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from epochal_api.data_summary import DataSummary
from epochal_api.trainingjob.spec import TrainingJobSpec
from epochal_trainer.data import summary as summary_module
from epochal_trainer.data.samples import Samples
from epochal_trainer.data.split import split_samples
from epochal_trainer.data.training_data import TrainingData
from epochal_trainer.lib.failures import Failure, superseded_failure
from epochal_trainer.reporting.results import Results
from epochal_trainer.storage import FolderBucket
from epochal_trainer.training.checks import WarningChecks
from epochal_trainer.training.data_summary import store_data_summary
from sklearn.datasets import load_digits

from tests.unit.trainer.expect import expect_failure

EXAMPLES = Path(__file__).parents[4] / "manifests" / "examples"


def spec(*layers: dict[str, Any], **training: Any) -> TrainingJobSpec:
    document = {
        "storage": {"secretRef": {"name": "none"}},
        "data": {"bucket": "data", "train": {"object": "a.npz"}, "validation": {"split": "0.2"}},
        "network": {"input": {"shape": [3]}, "layers": [*layers, {"layer": "Dense", "units": 2}]},
        "training": {"loss": "SparseCategoricalCrossentropy", **training},
        "results": {"bucket": "results"},
    }
    return TrainingJobSpec.model_validate(document)


def split(job: TrainingJobSpec, features: Any, labels: Any) -> TrainingData:
    whole = Samples.single(features, np.asarray(labels), "a.npz[x]", "a.npz[y]")
    return TrainingData(*split_samples(whole, 0.2, training=job.training), None, {})


@pytest.fixture
def data() -> TrainingData:
    """A table with each of the four mistakes."""
    features = np.random.default_rng(0).random((500, 3)) * [1, 5000, 0]
    labels = np.arange(500) < 10
    features[450:], labels[450:] = features[:50], labels[:50]
    return split(spec(), features, labels.astype(int))


def warned(job: TrainingJobSpec, data: TrainingData, units: int = 2) -> list[str]:
    checks = WarningChecks(job, lambda _: None)
    checks.check_data(data, [(units,)])
    checks.summarize_data(data)
    return [str(warning["reason"]) for warning in checks.dump()]


def store(folder: Path, data: TrainingData, check: Any = lambda: None) -> list[dict[str, Any]]:
    checks = WarningChecks(spec(), lambda _: None)
    checks.check_data(data, [(2,)])
    store_data_summary(data, checks, Results(FolderBucket(folder), "lab/wine/1", check))
    return checks.dump()


def test_summary_is_stored_and_its_warnings_are_found(tmp_path: Path, data: TrainingData) -> None:
    found = store(tmp_path, data)
    assert [warning["reason"] for warning in found] == [
        *("MostlyOneClass", "Leakage", "ConstantFeature", "UnscaledFeatures")
    ]
    content = json.loads((tmp_path / "lab/wine/1/data.json").read_text())
    summary = DataSummary.model_validate(content)
    assert (summary.version, summary.train.samples, summary.test) == (1, 400, None)
    assert summary.train.labels.classes is not None
    assert [each.samples for each in summary.train.labels.classes.by_class] == [390, 10]
    assert summary.shared[0].found == 50


def test_an_error_does_not_fail_the_training(
    tmp_path: Path, data: TrainingData, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(summary_module, "describe_columns", lambda _: 1 / 0)
    store(tmp_path, data)
    assert "Cannot write data.json" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_a_failure_of_the_storage_does_not_fail_the_training(
    tmp_path: Path, data: TrainingData, caplog: pytest.LogCaptureFixture
) -> None:
    def check() -> None:
        raise Failure("ResultsNotWritable", "no right to write", 77)

    store(tmp_path, data, check)
    assert "Cannot store data.json: no right to write" in caplog.messages


def test_a_later_attempt_ends_this_one(tmp_path: Path, data: TrainingData) -> None:
    def check() -> None:
        raise superseded_failure("attempt 1", "attempt 2")

    with expect_failure("Superseded"):
        store(tmp_path, data, check)


def test_scaling_in_the_network(data: TrainingData) -> None:
    assert "UnscaledFeatures" not in warned(spec({"layer": "Normalization"}), data)


def test_indices_for_the_network(data: TrainingData) -> None:
    indices = data.train.with_features(data.train.features.astype(int))
    layers: list[dict[str, Any]] = [{"layer": "Embedding", "input_dim": 5000, "output_dim": 2}, {"layer": "Flatten"}]
    found = warned(spec(*layers), replace(data, train=indices))
    assert {"ConstantFeature", "UnscaledFeatures"}.isdisjoint(found)


def test_weights_are_the_remedy_for_mostly_one_class(data: TrainingData) -> None:
    weighted = data.train.with_labels(np.append(np.ones(5, int), np.zeros(395, int)))
    assert "MostlyOneClass" in warned(spec(), replace(data, train=weighted))
    weighted = weighted.with_weights(np.ones(400), "sample_weight")
    assert "MostlyOneClass" not in warned(spec(), replace(data, train=weighted))


def templates() -> dict[str, dict[str, Any]]:
    documents = {path.name: yaml.load(path.read_text(), yaml.CSafeLoader) for path in EXAMPLES.glob("*.yaml")}
    specs = {name: document["spec"].get("template", document)["spec"] for name, document in documents.items()}
    return {name: content for name, content in specs.items() if "network" in content}


TEMPLATES = templates()


@pytest.mark.parametrize("content", TEMPLATES.values(), ids=TEMPLATES)
def test_no_warning_for_the_examples(content: dict[str, Any]) -> None:
    job = TrainingJobSpec.model_validate(content)
    digits = load_digits()
    images = digits.images.astype(np.uint8)
    assert job.network is not None
    if job.network.input_list[0].shape == [28, 28, 1]:  # images of MNIST have a black border, too
        images = np.pad(np.kron(images * 15, np.ones((1, 3, 3), np.uint8)), [(0, 0), (2, 2), (2, 2)])
    assert warned(job, split(job, images[..., np.newaxis], digits.target), 10) == []


def test_examples_are_found() -> None:
    assert {"digits.yaml", "mnist.yaml", "mnist-search.yaml"} <= TEMPLATES.keys()
