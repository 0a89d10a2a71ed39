from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from epochal_api.trainingjob.spec import TrainingJobSpec
from epochal_api.trainingjob.training import Training
from epochal_trainer.checkpoint import ResumeFacts
from epochal_trainer.data.samples import NamesArray, Samples, SourceArray
from epochal_trainer.data.split import split_samples
from epochal_trainer.data.training_data import TrainingData
from epochal_trainer.model import graph, network
from epochal_trainer.reporting.history import Epoch
from epochal_trainer.training.checks import WarningChecks

FACTS: dict[str, Any] = {
    "samples": 4,
    "batch_size": 2,
    "steps": 2,
    "seed": 1,
    "optimizer": {},
    "data": {},
    "loss": {},
    "callbacks": [],
    "training_digest": "0" * 64,
}
STUCK = [Epoch(number, 1.0, 0.01, {"loss": 1.0986}) for number in (1, 2, 3)]


LAYERS = [{"layer": "Dense", "units": 3}]


def spec(network: Any = None, **training: Any) -> TrainingJobSpec:
    document = {
        "storage": {"secretRef": {"name": "none"}},
        "data": {"bucket": "data", "train": {"object": "a.npz"}, "validation": {"split": "0.2"}},
        "network": network or {"input": {"shape": [4]}, "layers": LAYERS},
        "training": {"epochs": 9, "batchSize": 1, "loss": "SparseCategoricalCrossentropy", **training},
        "results": {"bucket": "results"},
    }
    return TrainingJobSpec.model_validate(document)


def sets(labels: Any, weights: Any = None) -> TrainingData:
    whole = Samples.single(np.zeros((len(labels), 4)), np.asarray(labels), "a.npz[x]", "a.npz[y]", weights)
    return TrainingData(*split_samples(whole, 0.2, training=Training.model_validate({"loss": "mse"})), None, {})


def make_checks(**training: Any) -> WarningChecks:
    return WarningChecks(spec(**training), lambda _: None)


def reasons(checks: WarningChecks) -> list[str]:
    return [str(warning["reason"]) for warning in checks.dump()]


def test_warnings_of_all_checks() -> None:
    reports: list[Any] = []
    job = spec(metrics=["CategoricalAccuracy"], monitor={"metric": "val_loss", "mode": "Max"})
    checks = WarningChecks(job, reports.append)
    assert job.network is not None
    model = network.build(job.network, seed=1, memory=1 << 30)
    checks.check_network(model, graph.build_nodes(job.network))
    checks.check_data(sets(np.arange(300) // 100), [(3,)])
    checks.check_monitor(model)
    for number in (1, 2, 3):
        checks.check_epochs(STUCK[:number])
    expected = ["ActivationMismatch", "MetricMismatch", "MissingClasses", "MonitorMismatch", "ChanceLevel"]
    assert reasons(checks) == expected
    assert "stratify: true" in checks.dump()[2]["message"]
    assert [len(each) for each in reports] == [1, 2, 3, 4, 5]


def test_class_names_unused() -> None:
    checks, data = make_checks(), sets(np.arange(300) % 3)
    names = NamesArray("a.npz[class_names]", ("cat", "dog"))
    checks.check_data(
        replace(data, train=Samples.single(data.train.features, data.train.labels, "x", "y", class_names=names)), [(3,)]
    )
    assert reasons(checks) == ["ClassNamesUnused"]


def test_outliers_in_images() -> None:
    checks, data = make_checks(), sets(np.arange(300) % 3)
    features = np.random.default_rng(0).normal(size=(240, 4, 4, 1))
    features[0, 0] = 99
    checks.check_data(replace(data, train=data.train.with_features(features)), [(3,)])
    assert reasons(checks) == ["OutliersInImages"]


def test_no_warnings() -> None:
    checks = make_checks()
    checks.check_epochs(STUCK)  # before the class counts are known
    checks.check_data(sets(np.arange(300) % 3), [(3,)])
    checks.check_epochs([Epoch(number, 1.0, 0.01, {"loss": 1 / number}) for number in (1, 2, 3)])
    assert reasons(checks) == []


@pytest.mark.parametrize("drawn", [{"shuffle": True}, {"validation": {"split": "0.2", "stratify": True}}], ids=str)
def test_no_advice_to_stratify_a_drawn_part(drawn: dict[str, Any]) -> None:
    job = spec()
    data = job.data.model_validate(job.data.model_dump(by_alias=True, exclude_none=True) | drawn)
    checks = WarningChecks(job.model_copy(update={"data": data}), lambda _: None)
    checks.check_data(sets(np.arange(300) // 100), [(3,)])
    assert reasons(checks) == ["MissingClasses"]
    assert "stratify" not in checks.dump()[0]["message"]


def test_no_chance_level_with_sample_weights() -> None:
    checks = make_checks()
    checks.check_data(sets(np.arange(300) % 3, np.ones(300)), [(3,)])
    checks.check_epochs(STUCK)
    assert reasons(checks) == []


@pytest.mark.parametrize("seen", [False, True])
def test_validation_seen(*, seen: bool) -> None:
    checks = make_checks()
    checks.check_resume(ResumeFacts(**FACTS, validation_was_trained_on=seen))
    assert reasons(checks) == (["ValidationSeen"] if seen else [])


@pytest.mark.parametrize("changed", [None, 0, 3])
def test_data_changed(changed: int | None) -> None:
    checks = make_checks()
    checks.check_resume(ResumeFacts(**FACTS, data_changed=changed))
    assert reasons(checks) == ([] if changed is None else ["DataChanged"])
    assert all(f"after {changed} finished epochs" in warning["message"] for warning in checks.dump())


def test_not_one_hot() -> None:
    checks, rows = make_checks(loss="CategoricalCrossentropy"), np.eye(3)[np.arange(300) % 3]
    checks.check_data(sets(rows), [(3,)])
    assert "NotOneHot" not in reasons(checks)
    rows[7] = [0, 1, 1]
    checks.check_data(sets(rows), [(3,)])
    assert "NotOneHot" in reasons(checks)


@pytest.mark.parametrize("lost", [None, 3])
def test_best_lost(lost: int | None) -> None:
    checks = make_checks()
    checks.check_best_weights(lost)
    assert reasons(checks) == (["BestLost"] if lost else [])
    assert all("the weights of epoch 3, the best so far" in warning["message"] for warning in checks.dump())


def test_no_chance_level_with_continue_from() -> None:
    checks = make_checks(continueFrom={"name": "first"})
    checks.check_data(sets(np.arange(300) % 3), [(3,)])
    checks.check_epochs(STUCK)
    assert reasons(checks) == []


def test_each_output_and_input_is_checked() -> None:
    rows = np.arange(300)
    outputs = [
        {"name": "digit", "loss": "SparseCategoricalCrossentropy", "metrics": ["CategoricalAccuracy"]},
        {"name": "odd", "loss": "BinaryCrossentropy"},
    ]
    inputs = [{"name": "table", "shape": [4]}, {"name": "image", "shape": [4, 4, 1]}]
    layers = [
        {"layer": "Flatten", "name": "pixels", "inputs": ["image"]},
        {"layer": "Concatenate", "name": "both", "inputs": ["table", "pixels"]},
        {"layer": "Dense", "name": "digit", "units": 3, "activation": "softmax"},
        {"layer": "Dense", "name": "odd", "units": 1, "inputs": ["both"]},
    ]
    network = {"inputs": inputs, "layers": layers, "outputs": ["digit", "odd"]}
    images = np.random.default_rng(0).normal(size=(300, 4, 4, 1))
    images[0, 0] = 99
    whole = Samples(
        {"table": SourceArray(np.zeros((300, 4)), "a.npz[table]"), "image": SourceArray(images, "a.npz[image]")},
        {
            "digit": SourceArray(rows // 100, "a.npz[digit]"),
            "odd": SourceArray((rows > 290).astype(int), "a.npz[odd]"),
        },
    )
    checks = WarningChecks(spec(network, loss=None, outputs=outputs), lambda _: None)
    checks.check_data(TrainingData(whole, None, None, {}), [(3,), (1,)])
    assert reasons(checks) == ["MetricMismatch", "MostlyOneClass", "OutliersInImages"]
    assert "a.npz[odd]" in checks.dump()[1]["message"]
    losses = {"loss": 1.6, "digit_loss": 1.0986, "odd_loss": 0.5}
    checks.check_epochs([replace(epoch, metrics=losses) for epoch in STUCK])
    (chance,) = [each["message"] for each in checks.dump() if each["reason"] == "ChanceLevel"]
    assert chance.startswith("the digit_loss is 1.099 after epoch")
