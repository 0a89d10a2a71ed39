"""What is wrong with an Experiment beyond its schema: each fault names the parameter, or the field."""

import copy
from time import process_time
from typing import Any

import pytest
from epochal_api.trainingjob.spec import InvalidTrainingJob, parse
from epochal_operator.experiment.search_space import paths
from epochal_operator.experiment.search_space.check import MAX_FAULTS, MAX_TRIED, _refusal, check
from epochal_operator.experiment.search_space.space import InvalidSpace

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
        ({"units": "1e300"}, ["initialTrials[1]: parameter units must have at most 256 digits, found '1e300'"]),
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


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("training.batchSize", [1, 0, 10**9, "many", None, 2.5, True]),
        ("training.epochs", [3, 0]),
        ("training.stopAfterEpoch", [1, 10**6]),  # a rule of its parent holds, too
        ("training.precision", ["float32", "float64"]),
        ("training.checkpoint.keep", [1, 0]),  # its parent is not in the template
        ("training.optimizer", ["Adam", {"name": "Adam"}, {"name": "No Class"}, []]),
        ("training.classWeight", ["Balanced", {"0": 1, "1": "2.5"}, {"a": 1}]),
        ("training.metrics", [["accuracy"], ["accuracy", 7]]),
        ("data.shuffle", [True, "perhaps"]),
        ("data.validation.split", ["0.5", "1.5"]),
        ("data.validation", [{"split": "0.5"}, {"object": "a.npz"}, {"split": "0.5", "object": "a.npz"}]),
        ("data.train.object", ["a.npz", "", None]),
        ("network.input.shape", [[8, 8], [0], []]),
        ("network.layers[hidden].layer", ["Dense", "No Layer", None]),
        ("network.layers[hidden].name", ["other", "input", "a b"]),
        ("network.layers[2].name", ["other", "hidden"]),
        ("network.layers[2].inputs", [["input"], ["hidden"], ["nowhere"], []]),
    ],
)
def test_a_value_in_its_place_is_refused_as_in_a_whole_training_job(path: str, values: list[Any]) -> None:
    place, parsed = paths.find(TEMPLATE, path), experiment(template=TEMPLATE).spec.template.spec
    for value in values:
        whole = {"apiVersion": "epochal.dev/v1alpha1", "kind": "TrainingJob", "metadata": {"name": "trial"}}
        try:
            parse(whole | {"spec": paths.put(TEMPLATE, place, value)})
            wanted = ""
        except InvalidTrainingJob as error:
            wanted = str(error).replace("\n", "; ")
        assert _refusal(parsed, place, value) == wanted


MAX_SECONDS = 5.0
"""CPU time: 0.6 s where the whole template took 17 s."""


def test_a_large_search_is_checked_in_little_cpu_time() -> None:
    template = copy.deepcopy(TEMPLATE)
    template["network"]["layers"] = [{"layer": "Dense", "units": 8, "name": f"dense{n}"} for n in range(900)]
    of = [[f"network.layers[{16 * number + index}].layer" for index in range(16)] for number in range(32)]
    classes = [f"Dense{number}" for number in range(256)]
    parameters = [{"name": f"p{number}", "paths": found, "values": classes} for number, found in enumerate(of)]
    first = [{f"p{number}": "Dense7" for number in range(32)}] * 64
    spec = experiment(template=template, parameters=parameters, initialTrials=first).spec
    began = process_time()
    check(spec, template)
    assert process_time() - began < MAX_SECONDS
