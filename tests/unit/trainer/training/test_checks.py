from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from epochal_api.trainingjob.report import TrainingWarning
from epochal_api.trainingjob.spec import TrainingJobSpec
from epochal_api.trainingjob.training import Training
from epochal_trainer.checkpoint import Facts
from epochal_trainer.data.samples import ClassNames, DataSets, Samples
from epochal_trainer.data.split import divide
from epochal_trainer.model import graph, network
from epochal_trainer.reporting.history import Epoch
from epochal_trainer.training.checks import Checks

FACTS: dict[str, Any] = {
    "samples": 4,
    "batch_size": 2,
    "steps": 2,
    "seed": 1,
    "optimizer": {},
    "data": {},
    "loss": {},
    "callbacks": [],
    "recipe": "0" * 64,
}
STUCK = [Epoch(number, 1.0, 0.01, {"loss": 1.0986}) for number in (1, 2, 3)]


def spec(**training: Any) -> TrainingJobSpec:
    document = {
        "storage": {"secretRef": {"name": "none"}},
        "data": {"bucket": "data", "train": {"object": "a.npz"}, "validation": {"split": "0.2"}},
        "network": {"input": {"shape": [4]}, "layers": [{"layer": "Dense", "units": 3}]},
        "training": {"epochs": 9, "batchSize": 1, "loss": "SparseCategoricalCrossentropy", **training},
        "results": {"bucket": "results"},
    }
    return TrainingJobSpec.model_validate(document)


def sets(labels: Any, weights: Any = None) -> DataSets:
    whole = Samples(np.zeros((len(labels), 4)), np.asarray(labels), "a.npz[x]", "a.npz[y]", weights)
    return DataSets(*divide(whole, 0.2, training=Training.model_validate({"loss": "mse"})), None, {})


@pytest.fixture
def told() -> list[Sequence[TrainingWarning]]:
    return []


def reasons(checks: Checks) -> list[str]:
    return [str(one["reason"]) for one in checks.dump()]


def test_all_quiet_mistakes_of_a_training(told: list[Sequence[TrainingWarning]]) -> None:
    job = spec(metrics=["CategoricalAccuracy"], monitor={"metric": "val_loss", "mode": "Max"})
    checks = Checks(job, told.append)
    model = network.build(job.network, seed=1, memory=1 << 30)
    checks.network(model, graph.nodes_of(job.network))
    checks.data(sets(np.arange(300) // 100), (3,))
    checks.monitor(model)
    for number in (1, 2, 3):
        checks.epochs(STUCK[:number])
    wanted = ["ActivationMismatch", "MetricMismatch", "MissingClasses", "MonitorMismatch", "ChanceLevel"]
    assert reasons(checks) == wanted
    assert "stratify: true" in checks.dump()[2]["message"]
    assert [len(each) for each in told] == [1, 2, 3, 4, 5]


def test_names_that_are_not_the_networks_are_told_of(told: list[Sequence[TrainingWarning]]) -> None:
    checks, data = Checks(spec(), told.append), sets(np.arange(300) % 3)
    names = ClassNames("a.npz[class_names]", ("cat", "dog"))
    checks.data(replace(data, train=replace(data.train, class_names=names)), (3,))
    assert reasons(checks) == ["ClassNamesUnused"]


def test_outliers_in_images_are_told_of(told: list[Sequence[TrainingWarning]]) -> None:
    checks, data = Checks(spec(), told.append), sets(np.arange(300) % 3)
    features = np.random.default_rng(0).normal(size=(240, 4, 4, 1))
    features[0, 0] = 99
    checks.data(replace(data, train=replace(data.train, features=features)), (3,))
    assert reasons(checks) == ["OutliersInImages"]


def test_nothing_is_said_of_what_is_in_order(told: list[Sequence[TrainingWarning]]) -> None:
    checks = Checks(spec(), told.append)
    checks.epochs(STUCK)  # before it is known what guessing gets
    checks.data(sets(np.arange(300) % 3), (3,))
    checks.epochs([Epoch(number, 1.0, 0.01, {"loss": 1 / number}) for number in (1, 2, 3)])
    assert (told, checks.dump()) == ([], [])


@pytest.mark.parametrize("drawn", [{"shuffle": True}, {"validation": {"split": "0.2", "stratify": True}}], ids=str)
def test_a_part_that_was_drawn_is_not_to_be_drawn(drawn: dict[str, Any], told: list[Sequence[TrainingWarning]]) -> None:
    job = spec()
    data = job.data.model_validate(job.data.model_dump(by_alias=True, exclude_none=True) | drawn)
    checks = Checks(job.model_copy(update={"data": data}), told.append)
    checks.data(sets(np.arange(300) // 100), (3,))
    assert reasons(checks) == ["MissingClasses"]
    assert "stratify" not in checks.dump()[0]["message"]


def test_of_a_weighted_loss_it_is_not_known_what_guessing_gets(told: list[Sequence[TrainingWarning]]) -> None:
    checks = Checks(spec(), told.append)
    checks.data(sets(np.arange(300) % 3, np.ones(300)), (3,))
    checks.epochs(STUCK)
    assert told == []


@pytest.mark.parametrize("seen", [False, True])
def test_what_is_validated_on_may_have_been_trained_on(told: list[Sequence[TrainingWarning]], *, seen: bool) -> None:
    checks = Checks(spec(), told.append)
    checks.resumed(Facts(**FACTS, seen=seen))
    assert reasons(checks) == (["ValidationSeen"] if seen else [])


@pytest.mark.parametrize("changed", [None, 0, 3])
def test_data_that_changed_while_the_training_ran_are_told_of(
    told: list[Sequence[TrainingWarning]], changed: int | None
) -> None:
    checks = Checks(spec(), told.append)
    checks.resumed(Facts(**FACTS, data_changed=changed))
    assert reasons(checks) == ([] if changed is None else ["DataChanged"])
    assert all(f"after {changed} finished epochs" in one["message"] for one in checks.dump())


def test_multi_hot_rows_are_told_of(told: list[Sequence[TrainingWarning]]) -> None:
    checks, rows = Checks(spec(loss="CategoricalCrossentropy"), told.append), np.eye(3)[np.arange(300) % 3]
    checks.data(sets(rows), (3,))
    assert "NotOneHot" not in reasons(checks)
    rows[7] = [0, 1, 1]
    checks.data(sets(rows), (3,))
    assert "NotOneHot" in reasons(checks)


@pytest.mark.parametrize("lost", [None, 3])
def test_best_weights_that_are_lost_are_told(told: list[Sequence[TrainingWarning]], lost: int | None) -> None:
    checks = Checks(spec(), told.append)
    checks.best_weights(lost)
    assert reasons(checks) == (["BestLost"] if lost else [])
    assert all("the weights of epoch 3, the best so far" in one["message"] for one in checks.dump())


def test_the_first_epochs_of_another_training_are_its_own(told: list[Sequence[TrainingWarning]]) -> None:
    checks = Checks(spec(continueFrom={"name": "first"}), told.append)
    checks.data(sets(np.arange(300) % 3), (3,))
    checks.epochs(STUCK)
    assert told == []
