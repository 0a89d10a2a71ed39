"""The check of a template's Keras objects leaves out the values that the parameters of the Experiment set."""

import copy
import time
from typing import Any

import pytest
from epochal_api.catalogue.problems import problems
from epochal_api.catalogue.searched import SearchedPath, with_unknown

from tests.unit.api.catalogue.documents import experiment, training_job

WHEN = {"when": {"parameter": "other", "values": ["1"]}}


def found(*paths: str, layers: list[dict[str, Any]] | None = None, **training: Any) -> list[str]:
    """Returns the problems of an Experiment; a path that ends with "?" is conditional."""
    document = experiment(training_job(*layers or [], **training))
    parameters = [
        {"name": f"p{number}", "paths": [path.rstrip("?")], "values": ["1"], **(WHEN if path.endswith("?") else {})}
        for number, path in enumerate(paths)
    ]
    document["spec"]["parameters"] = [*parameters, {"name": "other", "paths": ["training.seed"], "values": ["1"]}]
    return [str(problem) for problem in problems(document)]


CONV = {"layer": "Conv2D", "name": "conv", "kernel_size": 3}
NESTED = {"layer": "Bidirectional", "wrapped": {"layer": "LSTM"}}


@pytest.mark.parametrize(
    ("paths", "layer"),
    [
        (["network.layers[conv].filters"], CONV),
        (["network.layers[0].filters?"], CONV),
        (["network.layers[0].filters"], {**CONV, "filters": "8"}),
        (["network.layers[0].kernel_size[1]"], {**CONV, "filters": 8, "kernel_size": [3, "3"]}),
        (["network.layers[0].wrapped.units"], NESTED),
        (["network.layers[0].wrapped.layer"], NESTED),
        (["network.layers[0].layer"], {"layer": "Conv", "filters": 8}),
        (["network.layers[0].layer", "network.layers[0].momentum?"], {"layer": "Flatten", "units": 3}),
        (["network.layers[0].kernel_regularizer.name"], {**CONV, "filters": 8, "kernel_regularizer": {"name": "l3"}}),
    ],
)
def test_searched_values_of_a_layer(paths: list[str], layer: dict[str, Any]) -> None:
    assert found(layers=[layer])
    assert found(*paths, layers=[layer]) == []


RATE = "training.optimizer.learning_rate"


@pytest.mark.parametrize(
    ("paths", "training"),
    [
        ([RATE], {"optimizer": {"name": "Adam", "learning_rate": "fast"}}),
        (["training.optimizer.name"], {"optimizer": {"name": "Adam", "nesterov": True}}),
        (["training.optimizer"], {"optimizer": "Adamm"}),
        (["training.loss"], {"loss": "msee"}),
        (
            ["training.callbacks[EarlyStopping].monitors", "training.callbacks[0].callback"],
            {"callbacks": [{"callback": "EarlyStopping", "patient": 3}]},
        ),
        (["training.metrics[MeanIoU].num_classes"], {"metrics": [{"name": "MeanIoU"}]}),
    ],
)
def test_searched_values_of_a_training(paths: list[str], training: dict[str, Any]) -> None:
    assert found(**training)
    assert found(*paths, **training) == []


def test_a_trial_may_keep_the_value_of_the_template() -> None:
    """Where a conditional parameter has no effect."""
    (problem,) = found("network.layers[0].filters?", layers=[{**CONV, "filters": "8"}])
    assert problem.startswith("spec.template.spec.network.layers[0].filters: filters must be an integer, found '8'")


def test_argument_of_a_parameter_must_exist() -> None:
    (problem,) = found("network.layers[conv].filter", layers=[{**CONV, "filters": 8}])
    assert problem.endswith("layers[0].filter: Conv2D has no argument filter; did you mean filters?")


@pytest.mark.parametrize(
    "path", ["network.layers[x].filters", "network.layers[9].filters", "networks.x", "", "a[", "x" * 999, 3]
)
def test_other_paths_change_nothing(path: Any) -> None:
    document = experiment(training_job(CONV))
    document["spec"]["parameters"] = [{"name": "one", "paths": [path], "values": ["1"]}, {"paths": 3}, 3]
    assert [problem.message for problem in problems(document)][-1] == "Conv2D needs filters"


def test_spec_is_not_changed() -> None:
    shared = {"layer": "Dense", "units": "3"}
    spec = training_job(shared, shared)["spec"]
    before = copy.deepcopy(spec)
    changed = with_unknown(spec, [SearchedPath("network.layers[0].units", is_conditional=False)])
    assert spec == before
    assert changed["network"]["layers"][1] == before["network"]["layers"][1]


def test_many_paths_cost_little() -> None:
    layers = [{"layer": "Dense", "name": f"dense{number}", "units": 1} for number in range(1_000)]
    paths = [f"network.layers[dens{number}].units" for number in range(256)]
    paths += [f"network.layers[dense{number}].units" for number in range(256)]
    found(layers=layers)
    start = time.process_time()
    found(layers=layers)
    alone = time.process_time() - start
    found(*paths, layers=layers)
    assert time.process_time() - start < 3 * alone + 0.5
