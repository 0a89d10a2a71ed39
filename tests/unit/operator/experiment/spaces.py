"""Parameters, and Experiments with them."""

import copy
from typing import Any

from epochal_api.experiment.parameter import Parameter
from epochal_api.experiment.spec import Experiment, parse
from epochal_operator.experiment.search_space.space import Space

from tests.unit.operator.objects import SPEC

UID = "6f0c6a52-0000-4000-8000-000000000001"
RATE = {
    "name": "rate",
    "paths": ["training.optimizer.learning_rate"],
    "float": {"min": "1e-4", "max": "1e-1", "scale": "Log"},
}
UNITS = {"name": "units", "paths": ["network.layers[hidden].units"], "int": {"min": 16, "max": 64, "step": 16}}
OPTIMIZER = {"name": "optimizer", "paths": ["training.optimizer.name"], "values": ["Adam", "SGD"]}
MOMENTUM = {
    "name": "momentum",
    "paths": ["training.optimizer.momentum"],
    "float": {"min": "0.5", "max": "0.9", "step": "0.2"},
    "when": {"parameter": "optimizer", "values": ["SGD"]},
}
ALL = (MOMENTUM, RATE, UNITS, OPTIMIZER)
"""One that hangs on another stands before that one here: the order is nobody's duty."""
FINITE = (MOMENTUM, UNITS, OPTIMIZER)
TEMPLATE: dict[str, Any] = copy.deepcopy(SPEC) | {
    "network": {
        "input": {"shape": [8, 8]},
        "layers": [
            {"layer": "Flatten"},
            {"layer": "Dense", "name": "hidden", "units": 32, "bias_initializer": None},
            {"layer": "Dense", "units": 10},
        ],
    },
    "training": {
        "epochs": 9,
        "optimizer": {"name": "Adam", "learning_rate": 0.001},
        "loss": "SparseCategoricalCrossentropy",
        "metrics": ["accuracy"],
    },
}


def parameters(*documents: dict[str, Any]) -> list[Parameter]:
    """Returns parameters as a spec has them."""
    return [Parameter.model_validate(document) for document in documents or ALL]


def space(*documents: dict[str, Any]) -> Space:
    """Returns the space of some parameters."""
    return Space.of(parameters(*documents))


def document(*, template: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """Returns an Experiment as JSON."""
    return {
        "apiVersion": "epochal.dev/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": "digits", "namespace": "vision", "uid": UID},
        "spec": {
            "objective": {"metric": "accuracy", "goal": "Maximize"},
            "parameters": [copy.deepcopy(one) for one in ALL],
            "template": {"metadata": {"labels": {"team": "vision"}}, "spec": template or copy.deepcopy(TEMPLATE)},
            **spec,
        },
    }


def experiment(**spec: Any) -> Experiment:
    """Returns an Experiment."""
    return parse(document(**spec))
