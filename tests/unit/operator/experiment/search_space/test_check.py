"""The faults of an Experiment beyond its schema; each names the parameter or the field."""

import copy
import tracemalloc
from collections.abc import Iterable
from typing import Any

import pytest
from epochal_api.experiment import paths
from epochal_api.suggestions import close_matches
from epochal_api.trainingjob.spec import InvalidTrainingJob, parse
from epochal_operator.experiment.search_space.check import (
    MAX_CHECKED_VALUES,
    _replace_value,
    _schema_error,
    check,
)
from epochal_operator.experiment.search_space.space import MAX_FAULTS, InvalidSpace

from tests.unit.operator.experiment.spaces import ALL, OPTIMIZER, RATE, TEMPLATE, UNITS, experiment


def faults(*parameters: dict[str, Any], template: dict[str, Any] | None = None, **spec: Any) -> list[str]:
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


def test_a_valid_space() -> None:
    assert faults() == []
    made = experiment()
    assert check(made.spec, TEMPLATE).size is None


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("network.layers[hiden].units", "network.layers has no item hiden; did you mean hidden?"),
        ("network.layers[dense].units", "network.layers has no item dense; existing names: hidden"),
        ("network.layers[7].units", "network.layers has 3 items with indices from 0, found [7]"),
        ("training.batchsize", "training has no field batchsize; did you mean batchSize?"),
    ],
)
def test_a_path_that_does_not_exist(path: str, message: str) -> None:
    assert faults(at(path)) == [f"parameter one: path {path} is invalid: {message}"]


BATCH = {"name": "batch", "paths": ["training.batchSize"], "values": ["16", "32"]}


def when(parameter: dict[str, Any], name: str, *values: str, on: str = "optimizer") -> dict[str, Any]:
    return {**parameter, "name": name, "when": {"parameter": on, "values": [*values]}}


LARGE = when(OPTIMIZER, "o", "16", on="batch")
RATE_PATH = "parameter fast: path training.optimizer.learning_rate"


@pytest.mark.parametrize(
    ("parameters", "fault"),
    [
        ((UNITS, at("network.layers[1].units")), "parameter one: path network.layers[1].units equals path"),
        ((UNITS, at("network.layers[1].name", values=["a", "hidden"])), "network.layers[1].name conflicts with path"),
        ((OPTIMIZER, at("training.optimizer", values=["SGD", "Adam"])), "path training.optimizer overlaps path"),
        (({**UNITS, "paths": ["network.layers[hidden].units"] * 2},), "path network.layers[hidden].units equals path"),
        ((OPTIMIZER, when(RATE, "slow", "Adam"), when(RATE, "fast", "SGD")), None),  # exclusive conditions
        ((OPTIMIZER, when(RATE, "slow", "Adam"), when(RATE, "fast", "SGD", "Adam")), f"{RATE_PATH} equals path"),
        ((BATCH, when(RATE, "a", "16", on="batch"), when(RATE, "fast", "16.0", on="batch")), f"{RATE_PATH} equals"),
        ((BATCH, when(RATE, "a", "16", on="batch"), when(RATE, "fast", "32.0", on="batch")), None),
        ((BATCH, LARGE, when(RATE, "a", "SGD", on="o"), when(RATE, "b", "32", on="batch")), None),
    ],
)
def test_overlapping_paths(parameters: tuple[dict[str, Any], ...], fault: str | None) -> None:
    found = faults(*parameters)
    assert len(found) == (fault is not None)
    assert (fault or "") in "".join(found)


@pytest.mark.parametrize(
    ("parameter", "fault"),
    [
        (at("training.batchSize", int={"min": 0, "max": 64}), "value 0 is invalid: spec.training.batchSize: "),
        (
            at("training.batchSize", int={"min": 1, "max": 10_000_000}),
            "value 10000000 is invalid: spec.training.batchS",
        ),
        (at("training.batchSize", values=["16", "many"]), "value many is invalid: spec.training.batchSize: "),
        (at("training.batchSize", float={"min": "1", "max": "64"}), "because training.batchSize is an integer"),
        (
            at("training.precision", values=["float32", "float64"]),
            "value float64 is invalid: spec.training.precision: ",
        ),
        (at("network.layers[hidden].layer", values=["Dense", "No Layer"]), "invalid: spec.network.layers[1].layer: "),
        (
            at("data.validation.split", float={"min": "0.1", "max": "1.5"}),
            "1.5 is invalid: spec.data.validation.split: ",
        ),
    ],
)
def test_values_that_violate_the_schema(parameter: dict[str, Any], fault: str) -> None:
    (found,) = faults(parameter)
    assert found.startswith("parameter one: ")
    assert fault in found


@pytest.mark.parametrize(
    ("trial", "fault"),
    [
        ({"rate": "fast"}, "parameter rate must be a number, found 'fast'"),
        ({"units": "1e300"}, "parameter units must have at most 256 digits, found '1e300'"),
        ({"units": "1.5"}, "parameter units must be an integer, found '1.5'"),
        ({"rate": "7", "units": "1000", "optimizer": "RMSprop"}, None),  # outside the range, but valid
        ({"batch": "0"}, "parameter batch: the value 0 is invalid: spec.training.batchSize: "),
    ],
)
def test_initial_trials(trial: dict[str, str], fault: str | None) -> None:
    batch = {"name": "batch", "paths": ["training.batchSize"], "int": {"min": 16, "max": 64}}
    found = faults(*ALL, batch, initialTrials=[{"rate": "0.01"}, trial])
    assert len(found) == (fault is not None)
    assert all(line.startswith(f"initialTrials[1]: {fault}") for line in found)


def test_a_grid_is_bounded() -> None:
    many = {**UNITS, "int": {"min": 1, "max": 501}}
    assert faults(many, OPTIMIZER, search={"method": "Grid"}) == [
        "parameters have 1002 combinations (units 501, optimizer 2), search.method Grid allows at most 1000"
    ]
    assert faults(many, OPTIMIZER) == []
    assert faults({**UNITS, "int": {"min": 1, "max": 500}}, OPTIMIZER, search={"method": "Grid"}) == []


def template(**training: Any) -> dict[str, Any]:
    made = copy.deepcopy(TEMPLATE)
    made["training"] |= training
    return made


VALIDATED = template() | {"data": {**TEMPLATE["data"], "validation": {"split": "0.2"}}}
VAL = "objective.metric: val_accuracy needs validation data: set template.spec.data.validation"
LOSS = "objective.metric: must be loss or val_loss, because template.spec.training.metrics is empty; found 'accuracy'"
AUC = (
    "objective.metric: must be loss or one of template.spec.training.metrics (accuracy), with val_ for the validation "
    "data; found 'val_auc'. Add the metric to template.spec.training.metrics"
)
NAME = "objective.metric: must be val_accuracy, the name by which trials report it; found val_Accuracy"


@pytest.mark.parametrize(
    ("metric", "of", "message"),
    [
        ("accuracy", template(), []),
        ("loss", template(metrics=[]), []),
        ("val_accuracy", template(), [VAL]),
        ("val_accuracy", VALIDATED, []),
        ("accuracy", template(metrics=[]), [LOSS]),
        ("val_auc", VALIDATED, [AUC]),
        ("val_Accuracy", VALIDATED, [NAME]),
        ("val_Accuracy", VALIDATED | {"image": "registry.example/own:1"}, []),
    ],
)
def test_the_objective_metric_must_exist(metric: str, of: dict[str, Any], message: list[str]) -> None:
    assert faults(template=of, objective={"metric": metric, "goal": "Minimize"}) == message


@pytest.mark.parametrize(
    ("every", "strategy", "schedule", "message"),
    [
        (3, "Best", {"method": "None"}, None),
        (3, "Last", {"method": "None"}, "in epoch 10, the last of a rung"),
        (5, "Last", {"method": "None"}, None),
        (2, "Best", {"method": "ASHA"}, "until epoch 1, the end of a rung"),
        (2, "Best", {"method": "ASHA", "minEpochs": 2}, None),
        (2, "Last", {"method": "ASHA", "minEpochs": 2, "factor": 2}, None),
        (4, "Last", {"method": "Hyperband", "minEpochs": 4, "factor": 2}, "in epoch 10, the last of a rung"),
    ],
)
def test_each_rung_ends_with_a_value(every: int, strategy: str, schedule: dict[str, Any], message: str | None) -> None:
    of = VALIDATED | {"training": VALIDATED["training"] | {"epochs": 10, "validationEveryEpochs": every}}
    objective = {"metric": "val_loss", "goal": "Minimize", "strategy": strategy}
    found = faults(template=of, objective=objective, schedule=schedule)
    if message is None:
        assert found == []
    else:
        (fault,) = found
        assert message in fault
    assert faults(template=of, objective=objective | {"metric": "loss"}, schedule=schedule) == []


@pytest.mark.parametrize(
    ("domain", "strategy", "every"),
    [
        ({"values": ["1", "3", "12"]}, "Best", 12),
        ({"values": ["1", "2", "5"]}, "Last", None),
        ({"values": ["1", "3", "5"]}, "Last", 3),
        ({"int": {"min": 1, "max": 3}}, "Last", 3),
        ({"int": {"min": 1, "max": 10}}, "Best", None),
    ],
)
@pytest.mark.parametrize("path", ["training.validationEveryEpochs", "training[validationEveryEpochs]"])
def test_each_searched_interval_of_validation_ends_with_a_value(
    domain: dict[str, Any], strategy: str, every: int | None, path: str
) -> None:
    of = VALIDATED | {"training": VALIDATED["training"] | {"epochs": 10}}
    objective = {"metric": "val_loss", "goal": "Minimize", "strategy": strategy}
    found = faults(at(path, **domain), template=of, objective=objective, schedule={"method": "None"})
    assert [one.partition("found ")[2].partition(":")[0] for one in found] == (
        [] if every is None else [f"parameter one with the value {every}"]
    )


def test_a_searched_metric_may_be_the_objective() -> None:
    parameter = at("training.metrics[0]", values=["accuracy", "AUC"])
    assert faults(parameter, objective={"metric": "auc", "goal": "Maximize"}) == []


OUTPUTS = [
    {"name": "digit", "loss": "SparseCategoricalCrossentropy", "metrics": ["accuracy"]},
    {"name": "odd", "loss": "BinaryCrossentropy", "weight": "0.5"},
]
TWO_OUTPUTS = {
    **TEMPLATE,
    "network": {
        "input": {"shape": [8, 8]},
        "layers": [
            {"layer": "Flatten", "name": "flat"},
            {"layer": "Dense", "name": "digit", "units": 10},
            {"layer": "Dense", "name": "odd", "units": 1, "inputs": ["flat"]},
        ],
        "outputs": ["digit", "odd"],
    },
    "training": {"outputs": OUTPUTS},
}
ODD = (
    "objective.metric: must be loss or one of template.spec.training.outputs (digit_loss, digit_accuracy, odd_loss), "
    "with val_ for the validation data; found 'accuracy'. Add the metric to template.spec.training.outputs"
)
WEIGHT = {"name": "one", "paths": ["training.outputs[odd].weight"], "float": {"min": "0.1", "max": "2"}}


@pytest.mark.parametrize(("metric", "message"), [("odd_loss", []), ("digit_accuracy", []), ("accuracy", [ODD])])
def test_the_objective_may_be_a_metric_of_an_output(metric: str, message: list[str]) -> None:
    assert faults(WEIGHT, template=TWO_OUTPUTS, objective={"metric": metric, "goal": "Minimize"}) == message
    searched = at("training.outputs[digit].metrics[0]", values=["AUC", "accuracy"])
    assert faults(searched, template=TWO_OUTPUTS, objective={"metric": metric, "goal": "Minimize"}) == []


def test_a_weight_of_an_output_is_checked() -> None:
    (found,) = faults(
        {**WEIGHT, "float": {"min": "-1", "max": "2"}},
        template=TWO_OUTPUTS,
        objective={"metric": "loss", "goal": "Minimize"},
    )
    assert "must be a number from 0 as text" in found


def test_the_number_of_faults_is_bounded() -> None:
    found = faults(*({**at(f"training.no{index}"), "name": f"p{index}"} for index in range(20)))
    assert len(found) == MAX_FAULTS
    values = [str(index) for index in range(MAX_FAULTS + 1)]
    assert len(faults(BATCH, when(RATE, "slow", *values, on="batch"))) == MAX_FAULTS


def test_many_equal_paths_need_little_memory() -> None:
    paths = ["training.optimizer.learning_rate"] * 16
    spec = experiment(parameters=[{"name": f"p{index}", "paths": paths, "values": ["1"]} for index in range(32)]).spec
    tracemalloc.start()
    try:
        with pytest.raises(InvalidSpace, match="equals path"):
            check(spec, TEMPLATE)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * 1024**2


def test_few_names_are_compared_with_unknown_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[list[str]] = []

    def count(name: str, known: Iterable[str]) -> list[str]:
        compared.append([name, *known])
        return close_matches(name, compared[-1][1:])

    monkeypatch.setattr("epochal_api.experiment.paths.close_matches", count)
    names = [*(f"{'a' * 40}{index}" for index in range(900)), "b" * 128]
    network = {"input": {"shape": [8, 8]}, "layers": [{"layer": "ReLU", "name": name} for name in names]}
    unknown = [f"network.layers[{'a' * 40}{index}x{'y' * 100}].rate" for index in range(16)]
    many = [{"name": f"p{index}", "paths": unknown, "values": ["1"]} for index in range(32)]
    found = faults(*many, template={**copy.deepcopy(TEMPLATE), "network": network})
    assert f"did you mean {'a' * 40}" in found[15]
    assert len(compared) == MAX_FAULTS
    assert max(map(len, compared)) <= 101
    assert max(len(name) for names in compared for name in names) <= 64


@pytest.mark.parametrize(("before", "is_tried"), [(MAX_CHECKED_VALUES - 256, True), (MAX_CHECKED_VALUES, False)])
def test_the_number_of_checked_values_is_bounded(before: int, *, is_tried: bool) -> None:
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
        ("training.stopAfterEpoch", [1, 10**6]),  # a rule of the parent
        ("training.precision", ["float32", "float64"]),
        ("training.checkpoint.keep", [1, 0]),  # the parent is missing
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
def test_checked_values_have_the_errors_of_a_whole_training_job(path: str, values: list[Any]) -> None:
    field, parsed = paths.resolve(TEMPLATE, path), experiment(template=TEMPLATE).spec.template.spec
    for value in values:
        whole = {"apiVersion": "epochal.dev/v1alpha1", "kind": "TrainingJob", "metadata": {"name": "trial"}}
        try:
            parse(whole | {"spec": paths.with_value(TEMPLATE, field, value)})
            expected = ""
        except InvalidTrainingJob as error:
            expected = str(error).replace("\n", "; ")
        assert _schema_error(parsed, field, value) == expected


def test_a_value_is_checked_without_the_other_layers() -> None:
    """Otherwise a search of many values takes as many checks of the whole template."""
    parsed = experiment(template=TEMPLATE).spec.template.spec
    assert parsed.network is not None
    changed = _replace_value(parsed, ("network", "layers", 1, "units"), 16)["network"]["layers"]
    assert changed[1]["units"] == 16
    assert [given is kept for given, kept in zip(changed, parsed.network.layers, strict=True)] == [True, False, True]


def test_keras_objects_of_the_template() -> None:
    layers = [{"layer": "Dense", "unit": 8, "name": "hidden"}, {"layer": "relu"}]
    template = TEMPLATE | {"network": TEMPLATE["network"] | {"layers": layers}}
    assert faults(RATE, template=template) == [
        "spec.template.spec.network.layers[0]: Dense needs units; add units (an integer)",
        "spec.template.spec.network.layers[0].unit: Dense has no argument unit; did you mean units?",
        "spec.template.spec.network.layers[1].layer: keras.layers has no relu; did you mean ReLU?",
    ]


def test_argument_that_only_a_parameter_sets() -> None:
    layers = [{"layer": "Flatten"}, {"layer": "Dense", "name": "hidden"}, {"layer": "Dense", "units": "10"}]
    template = TEMPLATE | {"network": TEMPLATE["network"] | {"layers": layers}}
    assert len(faults(RATE, template=template)) == 2
    assert faults(UNITS, at("network.layers[2].units", int={"min": 1, "max": 9}), template=template) == []
    other_image = template | {"image": "registry.example.com/trainer:9"}
    assert not any("keras.layers" in fault for fault in faults(template=other_image))
