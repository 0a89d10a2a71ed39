"""The TrainingJobs of a trial."""

import copy
import json
from time import process_time
from typing import Any

import pytest
from epochal_api.experiment.parameter import Parameter
from epochal_api.trainingjob.spec import parse as parse_training_job
from epochal_operator.experiment.ledger.encoding import decode, encode
from epochal_operator.experiment.ledger.events import Created, Event, Owner
from epochal_operator.experiment.search_space.space import Space
from epochal_operator.experiment.trial import Rung, Trial
from epochal_operator.experiment.trial_job import template_parameters, training_job, trial_spec

from tests.unit.operator.experiment.spaces import (
    ALL,
    MOMENTUM,
    OPTIMIZER,
    RATE,
    TEMPLATE,
    UID,
    UNITS,
    document,
    experiment,
    space,
)
from tests.unit.operator.objects import SPEC

SPACE = space()
OWN = {"rate": "0.001", "units": "32", "optimizer": "Adam"}
ADAM = {"name": "Adam", "learning_rate": 0.001}


def template(**training: Any) -> dict[str, Any]:
    """Returns a template whose training differs."""
    return {**copy.deepcopy(TEMPLATE), "training": copy.deepcopy(TEMPLATE["training"]) | training}


def made(rung: int = 0, parameters: dict[str, str] = OWN, **given: Any) -> dict[str, Any]:
    spec = {"objective": {"metric": "accuracy", "goal": "Maximize"}} | given.pop("spec", {})
    trial = Trial(12, parameters, 30, rungs=(Rung(1, 0.5, "u", 60),) * rung)
    return training_job(document(**spec), experiment(**spec).spec, SPACE, trial, **given)


def test_metadata_of_the_training_job() -> None:
    found = made()["metadata"]
    assert (found["name"], found["namespace"]) == ("digits-12-r0", "vision")
    assert found["labels"] == {
        "team": "vision",
        "epochal.dev/experiment": "digits",
        "epochal.dev/experiment-uid": UID,
        "epochal.dev/trial": "12",
        "epochal.dev/rung": "0",
    }
    assert json.loads(found["annotations"]["epochal.dev/parameters"]) == OWN
    assert found["annotations"]["epochal.dev/known"] == "30"
    (owner,) = found["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"], owner["controller"]) == ("Experiment", "digits", UID, True)


@pytest.mark.parametrize(
    ("given", "training"),
    [
        ({}, {}),
        ({"stop_after": 3}, {"stopAfterEpoch": 3}),
        (
            {"rung": 1, "stop_after": 3, "continue_from": "s3://results/vision/digits-12-r0/uid/"},
            {"stopAfterEpoch": 3, "continueFrom": {"uri": "s3://results/vision/digits-12-r0/uid/"}},
        ),
    ],
)
def test_training_of_a_rung(given: dict[str, Any], training: dict[str, Any]) -> None:
    found = made(**given)
    monitor = {"metric": "accuracy", "mode": "Max"}
    assert found["spec"]["training"] == TEMPLATE["training"] | {"monitor": monitor} | training
    assert parse_training_job(found).spec.training.epochs == 9


def test_monitor_and_suspend_come_from_the_experiment() -> None:
    found = made(spec={"suspend": True, "objective": {"metric": "loss", "goal": "Minimize"}})
    assert found["spec"]["suspend"] is True
    assert found["spec"]["training"]["monitor"] == {"metric": "loss", "mode": "Min"}


def test_equal_values_keep_the_template() -> None:
    before = copy.deepcopy(TEMPLATE)
    assert trial_spec(TEMPLATE, SPACE, OWN) == TEMPLATE
    trial_spec(TEMPLATE, SPACE, {"rate": "0.1", "units": "64", "optimizer": "SGD", "momentum": "0.5"})
    assert before == TEMPLATE
    written = template(optimizer={"name": "Adam", "learning_rate": 1})
    assert trial_spec(written, SPACE, {**OWN, "rate": "1.0"})["training"]["optimizer"]["learning_rate"] == 1
    assert "name" not in trial_spec(template(optimizer="Adam"), space(OPTIMIZER), OWN)["training"]["optimizer"][1:]


def test_a_long_template_value_is_kept() -> None:
    words = [f"\u8a9e{number}" for number in range(10_000)]
    one = {"name": "words", "paths": ["network.layers[hidden].vocabulary"], "values": ["[]"]}
    long = copy.deepcopy(TEMPLATE)
    long["network"]["layers"][1]["vocabulary"] = words
    parameters = template_parameters(long, space(one))
    assert len(parameters["words"]) == 256
    assert trial_spec(long, space(one), parameters) == long
    assert trial_spec(long, space(one), {"words": "[]"})["network"]["layers"][1]["vocabulary"] == []


def test_values_are_set_at_their_paths() -> None:
    values = {"rate": "0.01", "units": "64", "optimizer": "SGD", "momentum": "0.5"}
    found = trial_spec(TEMPLATE, SPACE, values)
    assert found["training"]["optimizer"] == {"name": "SGD", "learning_rate": 0.01, "momentum": 0.5}
    assert found["network"]["layers"][1] == {
        "layer": "Dense",
        "name": "hidden",
        "units": 64,
        "bias_initializer": None,
    }


def test_a_value_is_set_at_several_paths() -> None:
    two = space({**UNITS, "paths": ["network.layers[hidden].units", "network.layers[2].units"]})
    found = trial_spec(TEMPLATE, two, {"units": "48"})
    assert [layer.get("units") for layer in found["network"]["layers"]] == [None, 48, 48]


SPLIT = {"name": "split", "paths": ["data.validation.split"], "float": {"min": "0.1", "max": "0.5"}}
BATCH = {"name": "batch", "paths": ["training.batchSize"], "values": ["16", "32"]}
CALLED = {"name": "called", "paths": ["network.layers[hidden].name"], "values": ["1", "hidden"]}
ANY = {"name": "any", "paths": ["network.layers[hidden].use_bias"], "values": ["true", "null", "[1, 2]", "relu"]}


@pytest.mark.parametrize(
    ("parameter", "text", "place", "value"),
    [
        (SPLIT, "0.2", ("data", "validation", "split"), "0.2"),
        (BATCH, "16", ("training", "batchSize"), 16),
        (CALLED, "1", ("network", "layers", 1, "name"), "1"),
        (ANY, "true", ("network", "layers", 1, "use_bias"), True),
        (ANY, "null", ("network", "layers", 1, "use_bias"), None),
        (ANY, "[1, 2]", ("network", "layers", 1, "use_bias"), [1, 2]),
        (ANY, "relu", ("network", "layers", 1, "use_bias"), "relu"),
    ],
)
def test_the_schema_determines_the_type(
    parameter: dict[str, Any], text: str, place: tuple[str | int, ...], value: Any
) -> None:
    found: Any = trial_spec(TEMPLATE, space(parameter), {parameter["name"]: text})
    for step in place:
        found = found[step]
    assert (found, type(found)) == (value, type(value))


SGD = template(optimizer={"name": "SGD", "learning_rate": 0.1, "momentum": 0.9})


@pytest.mark.parametrize(
    ("values", "optimizer"),
    [
        ({"optimizer": "SGD", "momentum": "0.5"}, {"name": "SGD", "learning_rate": 0.1, "momentum": 0.5}),
        ({"optimizer": "Adam"}, {"name": "Adam", "learning_rate": 0.1}),  # Adam has no momentum
        ({"optimizer": "SGD"}, {"name": "SGD", "learning_rate": 0.1, "momentum": 0.9}),
    ],
)
def test_arguments_of_a_replaced_class_are_removed(values: dict[str, str], optimizer: dict[str, Any]) -> None:
    assert trial_spec(SGD, space(MOMENTUM, OPTIMIZER), values)["training"]["optimizer"] == optimizer


def test_two_exclusive_parameters_of_one_path() -> None:
    slow = {**RATE, "name": "slow", "when": {"parameter": "optimizer", "values": ["Adam"]}}
    fast = {**RATE, "name": "fast", "when": {"parameter": "optimizer", "values": ["SGD"]}}
    found = space(slow, fast, OPTIMIZER)
    made_of = [
        trial_spec(TEMPLATE, found, {"optimizer": one, "slow": "0.01", "fast": "0.1"}) for one in ("Adam", "SGD")
    ]
    assert [one["training"]["optimizer"] for one in made_of] == [
        {"name": "Adam", "learning_rate": 0.01},
        {"name": "SGD", "learning_rate": 0.1},
    ]


def of_kind(kind: str, name: str, path: str, **domain: Any) -> dict[str, Any]:
    """Returns a parameter that is active for one value of `kind`."""
    return {"name": name, "paths": [path], "when": {"parameter": "kind", "values": [kind]}, **domain}


KIND = {"name": "kind", "paths": ["network.layers[hidden].layer"], "values": ["Dense", "EinsumDense"]}
SEED = {"name": "kind", "paths": ["training.seed"], "values": ["1", "2"]}
WHOLE = {"name": "SGD", "learning_rate": 0.5, "momentum": 0.9}
LAYER = {"layer": "EinsumDense", "name": "hidden", "units": 48}
PLACED: dict[str, Any] = {
    "an active parent of an inactive parameter": (
        (
            SEED,
            of_kind("1", "whole", "training.optimizer", values=[json.dumps(WHOLE)]),
            of_kind("2", "rate", "training.optimizer.learning_rate", float={"min": "0.1", "max": "0.9"}),
        ),
        {"kind": "1", "whole": json.dumps(WHOLE)},
        ("training", "optimizer"),
        WHOLE,
    ),
    "an active layer with an inactive parameter": (
        (
            SEED,
            of_kind("1", "whole", "network.layers[hidden]", values=[json.dumps(LAYER)]),
            of_kind("2", "units", "network.layers[hidden].units", int={"min": 1, "max": 64}),
        ),
        {"kind": "1", "whole": json.dumps(LAYER)},
        ("network", "layers", 1),
        LAYER,
    ),
    "an active parameter within an inactive parameter": (
        (
            KIND,
            of_kind("Dense", "whole", "network.layers[hidden].kernel_regularizer", values=["L1", "L2"]),
            of_kind(
                "EinsumDense",
                "within",
                "network.layers[hidden].kernel_regularizer.l2",
                float={"min": "0.1", "max": "0.9"},
            ),
        ),
        {"kind": "EinsumDense", "within": "0.5"},
        ("network", "layers", 1, "kernel_regularizer", "l2"),
        0.5,
    ),
}
"""Parameters, values, the path of the active parameter, and its value."""


@pytest.mark.parametrize("where", PLACED)
def test_inactive_parameters_do_not_change_active_ones(where: str) -> None:
    documents, values, steps, there = PLACED[where]
    regularized = copy.deepcopy(TEMPLATE)
    regularized["network"]["layers"][1]["kernel_regularizer"] = {"name": "L2", "l2": 0.01}
    found: Any = trial_spec(regularized, space(*documents), values)
    for step in steps:
        found = found[step]
    assert found == there


@pytest.mark.parametrize(
    ("values", "callbacks"),
    [
        (
            {"kind": "1", "first": '{"callback": "CSVLogger"}'},
            [{"callback": "CSVLogger"}, {"callback": "EarlyStopping"}],
        ),
        (
            {"kind": "2", "first": '{"callback": "EarlyStopping"}', "patience": "5"},
            [{"callback": "EarlyStopping"}, {"callback": "EarlyStopping", "patience": 5}],
        ),
    ],
)
def test_items_are_found_by_their_name_in_the_template(values: dict[str, str], callbacks: list[dict[str, Any]]) -> None:
    two = template(callbacks=[{"callback": "ReduceLROnPlateau"}, {"callback": "EarlyStopping"}])
    first, others = (
        "training.callbacks[ReduceLROnPlateau]",
        ['{"callback": "CSVLogger"}', '{"callback": "EarlyStopping"}'],
    )
    patience = {
        "name": "patience",
        "paths": ["training.callbacks[EarlyStopping].patience"],
        "int": {"min": 1, "max": 9},
    }
    found = space(SEED, {"name": "first", "paths": [first], "values": others}, patience)
    assert trial_spec(two, found, values)["training"]["callbacks"] == callbacks


@pytest.mark.parametrize("weight", ["Balanced", None])
def test_null_removes_a_schema_field_and_sets_an_argument(weight: str | None) -> None:
    given = template(classWeight=weight, optimizer=ADAM | {"clipnorm": 1}) if weight else TEMPLATE
    classes = {"name": "classes", "paths": ["training.classWeight"], "values": ["null", "Balanced"]}
    clip = {"name": "clip", "paths": ["training.optimizer.clipnorm"], "values": ["null", "1"]}
    found = trial_spec(given, space(classes, clip), {"classes": "null", "clip": "null"})["training"]
    assert "classWeight" not in found
    assert found["optimizer"] == ADAM | {"clipnorm": None}


@pytest.mark.parametrize(
    ("spec", "parameters"),
    [
        (TEMPLATE, OWN),
        (SGD, {"optimizer": "SGD", "rate": "0.1", "momentum": "0.9", "units": "32"}),
        (template(optimizer="Adam"), {"optimizer": "Adam", "units": "32"}),
        (template(optimizer={"name": "Adam", "learning_rate": 7}), {**OWN, "rate": "7.0"}),  # outside the range
        (template(optimizer={"name": "Adam", "learning_rate": "fast"}), {"optimizer": "Adam", "units": "32"}),
    ],
)
def test_parameters_of_the_template(spec: dict[str, Any], parameters: dict[str, str]) -> None:
    assert template_parameters(spec, SPACE) == parameters


def test_different_template_values_are_no_value() -> None:
    two = {**UNITS, "paths": ["network.layers[hidden].units", "network.layers[2].units"]}
    assert template_parameters(TEMPLATE, space(two)) == {}


def test_template_parameters_fit_into_the_ledger() -> None:
    clip = {"name": "clip", "paths": ["training.optimizer.clipnorm"], "int": {"min": 1, "max": 8}}
    template = copy.deepcopy(TEMPLATE)
    template["training"]["optimizer"]["clipnorm"] = 1e300
    parameters = template_parameters(template, space(clip))
    events: list[Event] = [Owner("u"), Created(0, parameters, 1)]
    assert decode(encode(events)) == (*events,)
    assert trial_spec(template, space(clip), parameters) == template


def test_missing_template_values_are_defaults() -> None:
    precision = {"name": "precision", "paths": ["training.precision"], "values": ["float32", "mixed_bfloat16"]}
    bias = {"name": "bias", "paths": ["network.layers[hidden].bias_initializer"], "values": ["null", "ones"]}
    kernel = {"name": "kernel", "paths": ["network.layers[hidden].kernel_initializer"], "values": ["null", "ones"]}
    assert template_parameters(TEMPLATE, space(kernel)) == {}  # Keras has its own default
    assert template_parameters(TEMPLATE, space(BATCH, precision, bias)) == {
        "batch": "32",
        "precision": "float32",
        "bias": "null",
    }


def test_a_trial_is_a_valid_training_job() -> None:
    assert len(ALL) == len(SPACE.parameters)
    parse_training_job(made(parameters={"rate": "0.0001", "units": "16", "optimizer": "SGD", "momentum": "0.5"}))


def test_building_a_trial_takes_linear_time() -> None:
    def seconds(count: int) -> float:
        layers = [{"layer": "Dense", "units": 1, "name": f"n{number}"} for number in range(count)]
        template = {**SPEC, "network": {**SPEC["network"], "layers": layers}}
        parameters: list[dict[str, Any]] = [
            {
                "name": f"p{first}",
                "paths": [f"network.layers[n{first + one}].units" for one in range(16)],
                "values": ["2"],
            }
            for first in range(0, count, 16)
        ]
        space = Space.of([Parameter.model_validate(one) for one in parameters])
        begun = process_time()
        trial_spec(template, space, {one["name"]: "2" for one in parameters})
        return process_time() - begun

    ratio = min(seconds(512) for _ in range(5)) / min(seconds(128) for _ in range(5))
    assert ratio < 8, "4 times the layers and paths"
