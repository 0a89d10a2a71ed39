"""What is wrong with an Experiment beyond its schema: each fault names the parameter, or the field."""

import copy
from typing import Any

import pytest
from epochal_operator.experiment.check import MAX_FAULTS, MAX_TRIED, check
from epochal_operator.experiment.space import InvalidSpace

from tests.unit.operator.experiment.spaces import ALL, OPTIMIZER, RATE, TEMPLATE, UNITS, experiment


def faults(*parameters: dict[str, Any], template: dict[str, Any] | None = None, **spec: Any) -> list[str]:
    """Returns what is wrong."""
    given = ({"parameters": [*parameters]} if parameters else {}) | spec
    made = experiment(template=template, **given).spec
    try:
        check(made, template or TEMPLATE)
    except InvalidSpace as error:
        return str(error).splitlines()
    return []


def at(path: str, **domain: Any) -> dict[str, Any]:
    """Returns a parameter of a place; its values are 1 and 2 unless others are given."""
    return {"name": "one", "paths": [path], **(domain or {"values": ["1", "2"]})}


def test_nothing_is_wrong() -> None:
    assert faults() == []
    made = experiment()
    assert check(made.spec, TEMPLATE).size is None


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("network.layers[hiden].units", "network.layers has no item called hiden; did you mean hidden?"),
        ("network.layers[dense].units", "network.layers has no item called dense; there is hidden"),
        ("network.layers[7].units", "network.layers has 3 items, so there is no [7]: indices begin with 0"),
        ("training.batchsize", "training has no field batchsize; did you mean batchSize?"),
    ],
)
def test_a_path_leads_nowhere(path: str, said: str) -> None:
    assert faults(at(path)) == [f"parameter one: path {path} leads nowhere: {said}"]


BATCH = {"name": "batch", "paths": ["training.batchSize"], "values": ["16", "32"]}


def when(parameter: dict[str, Any], name: str, *values: str, on: str = "optimizer") -> dict[str, Any]:
    return {**parameter, "name": name, "when": {"parameter": on, "values": [*values]}}


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (
            (UNITS, at("network.layers[1].units")),
            ["parameter one: path network.layers[1].units must not lead to the same place as network.layers[hidden]"],
        ),
        (
            (UNITS, at("network.layers[1].name", values=["first", "hidden"])),
            ["parameter one: path network.layers[1].name must not be searched along with network.layers[hidden].units"],
        ),
        (
            (OPTIMIZER, at("training.optimizer", values=["SGD", "Adam"])),
            ["parameter one: path training.optimizer must not lead within one another with training.optimizer.name of"],
        ),
        (
            ({**UNITS, "paths": ["network.layers[hidden].units"] * 2},),
            ["parameter units: path network.layers[hidden].units must not lead"],
        ),
        ((OPTIMIZER, when(RATE, "slow", "Adam"), when(RATE, "fast", "SGD")), []),  # never both
        (
            (OPTIMIZER, when(RATE, "slow", "Adam"), when(RATE, "fast", "SGD", "Adam")),
            ["parameter fast: path training.optimizer.learning_rate must not lead to the same place as"],
        ),
        (
            (BATCH, when(RATE, "slow", "16", on="batch"), when(RATE, "fast", "16.0", on="batch")),
            ["parameter fast: path training.optimizer.learning_rate must not lead to the same place as"],
        ),
        ((BATCH, when(RATE, "slow", "16", on="batch"), when(RATE, "fast", "32.0", on="batch")), []),
        (
            (
                BATCH,
                when(OPTIMIZER, "o", "16", on="batch"),
                when(RATE, "a", "SGD", on="o"),
                when(RATE, "b", "32", on="batch"),
            ),
            [],
        ),
    ],
)
def test_two_parameters_of_one_place(parameters: tuple[dict[str, Any], ...], said: list[str]) -> None:
    found = faults(*parameters)
    assert len(found) == len(said)
    assert all(line.startswith(start) for line, start in zip(found, said, strict=True))


@pytest.mark.parametrize(
    ("parameter", "said"),
    [
        (
            at("training.batchSize", int={"min": 0, "max": 64}),
            "parameter one: the value 0 is refused: spec.training.batchSize: Input should be greater",
        ),
        (
            at("training.batchSize", int={"min": 1, "max": 10_000_000}),
            "parameter one: the value 10000000 is refused: spec.training.batchSize: Input should be less than or equal",
        ),
        (
            at("training.batchSize", values=["16", "many"]),
            "parameter one: the value many is refused: spec.training.batchSize: Input should be a valid integer",
        ),
        (
            at("training.batchSize", float={"min": "1", "max": "64"}),
            "parameter one: must be int in place of float, since training.batchSize is a whole number",
        ),
        (
            at("training.precision", values=["float32", "float64"]),
            "parameter one: the value float64 is refused: spec.training.precision: Input should be 'float32', ",
        ),
        (
            at("network.layers[hidden].layer", values=["Dense", "No Layer"]),
            "parameter one: the value No Layer is refused: spec.network.layers[1].layer: String should match pattern",
        ),
        (
            at("data.validation.split", float={"min": "0.1", "max": "1.5"}),
            "parameter one: the value 1.5 is refused: spec.data.validation.split: ",
        ),
    ],
)
def test_the_schema_refuses_a_value(parameter: dict[str, Any], said: str) -> None:
    (found,) = faults(parameter)
    assert found.startswith(said)


@pytest.mark.parametrize(
    ("trial", "said"),
    [
        ({"rate": "fast"}, ["initialTrials[1]: parameter rate must be a number, found 'fast'"]),
        ({"units": "1.5"}, ["initialTrials[1]: parameter units must be a whole number, found '1.5'"]),
        ({"rate": "7", "units": "1000", "optimizer": "RMSprop"}, []),  # outside, but it can be trained
        (
            {"batch": "0"},
            ["initialTrials[1]: parameter batch: the value 0 is refused: spec.training.batchSize: Input should be"],
        ),
    ],
)
def test_trials_to_begin_with(trial: dict[str, str], said: list[str]) -> None:
    batch = {"name": "batch", "paths": ["training.batchSize"], "int": {"min": 16, "max": 64}}
    found = faults(*ALL, batch, initialTrials=[{"rate": "0.01"}, trial])
    assert len(found) == len(said)
    assert all(line.startswith(start) for line, start in zip(found, said, strict=True))


def test_a_grid_must_have_an_end() -> None:
    many = {**UNITS, "int": {"min": 1, "max": 501}}
    assert faults(many, OPTIMIZER, search={"method": "Grid"}) == [
        "parameters have 1002 combinations (units 501, optimizer 2), a Grid must have 1000 at most"
    ]
    assert faults(many, OPTIMIZER) == []
    assert faults({**UNITS, "int": {"min": 1, "max": 500}}, OPTIMIZER, search={"method": "Grid"}) == []


def template(**training: Any) -> dict[str, Any]:
    made = copy.deepcopy(TEMPLATE)
    made["training"] |= training
    return made


VALIDATED = template() | {"data": {**TEMPLATE["data"], "validation": {"split": "0.2"}}}
VAL = "objective.metric: val_accuracy is a figure of a validation part: template.spec.data.validation must be set"
LOSS = (
    "objective.metric: must be loss or val_loss, since template.spec.training.metrics names no metric; found 'accuracy'"
)


@pytest.mark.parametrize(
    ("metric", "of", "said"),
    [
        ("accuracy", template(), []),
        ("loss", template(metrics=[]), []),
        ("val_accuracy", template(), [VAL]),
        ("val_accuracy", VALIDATED, []),
        ("accuracy", template(metrics=[]), [LOSS]),
        ("learning_rate", template(metrics=[], callbacks=[{"callback": "ReduceLROnPlateau"}]), []),
    ],
)
def test_what_trials_are_judged_by_must_be_there(metric: str, of: dict[str, Any], said: list[str]) -> None:
    assert faults(template=of, objective={"metric": metric, "goal": "Minimize"}) == said


def test_tells_so_many_at_once() -> None:
    found = faults(*({**at(f"training.no{index}"), "name": f"p{index}"} for index in range(20)))
    assert len(found) == MAX_FAULTS


@pytest.mark.parametrize(("before", "is_tried"), [(MAX_TRIED - 256, True), (MAX_TRIED, False)])
def test_so_many_values_are_tried_and_the_api_server_refuses_the_others(before: int, *, is_tried: bool) -> None:
    names = [f"l{number}" for number in range(before // 256 + 1)]
    layers = [{"layer": "Dense", "name": name, "units": 1} for name in names]
    values = [[f"n{number}" for number in range(256)] for _ in names]
    values[-1][-1] = "no name"
    many = [
        {"name": name, "paths": [f"network.layers[{name}].name"], "values": those}
        for name, those in zip(names, values, strict=True)
    ]
    network = {"input": {"shape": [8, 8]}, "layers": layers}
    found = faults(*many, template={**copy.deepcopy(TEMPLATE), "network": network})
    assert len(found) == is_tried
