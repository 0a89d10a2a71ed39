"""Resolving paths in a spec, and setting values there."""

import copy
from typing import Any

import pytest
from epochal_api.experiment.paths import PathNotFound, keras_class, resolve, with_value, without_field
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.operator.objects import SPEC

TEMPLATE: dict[str, Any] = copy.deepcopy(SPEC) | {
    "network": {
        "input": {"shape": [8, 8, 1]},
        "layers": [
            {"layer": "Conv2D", "name": "conv1", "filters": 32, "kernel_size": 3},
            {"layer": "Dropout", "rate": 0.5, "name": "2"},
            {"layer": "Dense", "units": 10, "kernel_regularizer": {"name": "L2", "l2": 0.01}},
        ],
    },
    "training": {
        "epochs": 9,
        "optimizer": "Adam",
        "loss": "SparseCategoricalCrossentropy",
        "metrics": ["accuracy", {"name": "SparseTopKCategoricalAccuracy", "k": 3}],
        "callbacks": [{"callback": "EarlyStopping", "patience": 3}],
    },
}


@pytest.mark.parametrize(
    ("path", "steps", "value"),
    [
        ("network.layers[conv1].filters", ("network", "layers", 0, "filters"), 32),
        ("network.layers[0].filters", ("network", "layers", 0, "filters"), 32),
        ("network.layers[2].rate", ("network", "layers", 1, "rate"), 0.5),  # a name precedes an index
        ("network.layers[2].units", ("network", "layers", 1, "units"), None),
        ("network.layers[0].strides", ("network", "layers", 0, "strides"), None),
        ("network.input.shape[0]", ("network", "input", "shape", 0), 8),
        ("training.optimizer", ("training", "optimizer"), "Adam"),
        ("training.optimizer.name", ("training", "optimizer", "name"), "Adam"),
        ("training.optimizer.learning_rate", ("training", "optimizer", "learning_rate"), None),
        ("training.callbacks[EarlyStopping].patience", ("training", "callbacks", 0, "patience"), 3),
        ("training.metrics[accuracy]", ("training", "metrics", 0), "accuracy"),
        ("training.metrics[SparseTopKCategoricalAccuracy].k", ("training", "metrics", 1, "k"), 3),
        ("training.batchSize", ("training", "batchSize"), 32),  # the default
        ("training.checkpoint.everyEpochs", ("training", "checkpoint", "everyEpochs"), 1),
        ("training.classWeight[7]", ("training", "classWeight", "7"), None),
        ("data.validation.split", ("data", "validation", "split"), None),
    ],
)
def test_resolve(path: str, steps: tuple[str | int, ...], value: Any) -> None:
    place = resolve(TEMPLATE, path)
    assert place.steps == steps
    assert place.value == value


OUTPUTS: dict[str, Any] = {
    **TEMPLATE,
    "network": {
        "inputs": [{"name": "image", "shape": [8, 8, 1]}, {"name": "note", "shape": [-1], "dtype": "int32"}],
        "layers": [*TEMPLATE["network"]["layers"], {"use": "conv1", "name": "again", "inputs": ["image"]}],
        "outputs": ["digit", "odd"],
    },
    "training": {"outputs": [{"name": "digit", "loss": "mse"}, {"name": "odd", "loss": "mse", "weight": "0.5"}]},
}


@pytest.mark.parametrize(
    ("path", "steps", "value"),
    [
        ("network.inputs[note].shape[0]", ("network", "inputs", 1, "shape", 0), -1),
        ("network.layers[again].inputs[0]", ("network", "layers", 3, "inputs", 0), "image"),
        ("network.outputs[odd]", ("network", "outputs", 1), "odd"),
        ("training.outputs[odd].weight", ("training", "outputs", 1, "weight"), "0.5"),
        ("training.outputs[digit].weight", ("training", "outputs", 0, "weight"), None),
        ("training.outputs[digit].loss.name", ("training", "outputs", 0, "loss", "name"), "mse"),
    ],
)
def test_resolve_inputs_and_outputs(path: str, steps: tuple[str | int, ...], value: Any) -> None:
    place = resolve(OUTPUTS, path)
    assert (place.steps, place.value) == (steps, value)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("network.layers[conv2].filters", "network.layers has no item conv2; did you mean conv1?"),
        ("network.layers[dense].units", "network.layers has no item dense; existing names: conv1, 2"),
        (
            "network.layers[01].rate",
            "network.layers[01] must be an index without leading zeros: write network.layers[1]",
        ),
        ("network.layers[9].units", "network.layers has 3 items with indices from 0, found [9]"),
        ("network.layers.filters", "network.layers is a list: select an item, such as network.layers[0], or"),
        ("training.batchsize", "training has no field batchsize; did you mean batchSize?"),
        ("trainin.epochs", "spec has no field trainin; did you mean training?"),
        ("training.epochs.more", "training.epochs is '9', which has no field more"),
        ("network.layers[0].kernel_regularizer.l2", "network.layers[0].kernel_regularizer is not set in the template"),
        ("network.layers[0].name.more", "network.layers[0].name is 'conv1', which has no field more"),
        ("training.", "must be field names separated by dots, with list items in brackets"),
        ("training[", "must be field names separated by dots"),
        ("", "must be field names separated by dots"),
    ],
)
def test_paths_that_do_not_exist(path: str, message: str) -> None:
    with pytest.raises(PathNotFound) as found:
        resolve(TEMPLATE, path)
    assert message in str(found.value)


def test_an_ambiguous_name() -> None:
    spec = with_value(
        TEMPLATE,
        resolve(TEMPLATE, "training.callbacks"),
        [{"callback": "ModelCheckpoint"}, {"callback": "ModelCheckpoint"}],
    )
    with pytest.raises(PathNotFound, match=r"2 items with the name ModelCheckpoint: select by index"):
        resolve(spec, "training.callbacks[ModelCheckpoint].filepath")


def test_an_optimizer_name_becomes_an_object() -> None:
    made = with_value(TEMPLATE, resolve(TEMPLATE, "training.optimizer.learning_rate"), 0.01)
    assert made["training"]["optimizer"] == {"name": "Adam", "learning_rate": 0.01}
    assert with_value(TEMPLATE, resolve(TEMPLATE, "training.optimizer.name"), "SGD")["training"]["optimizer"] == {
        "name": "SGD"
    }


def test_a_missing_optimizer_is_the_default() -> None:
    spec = copy.deepcopy(TEMPLATE)
    del spec["training"]["optimizer"]
    made = with_value(spec, resolve(spec, "training.optimizer.learning_rate"), 0.01)
    assert made["training"]["optimizer"] == {"name": "RMSprop", "learning_rate": 0.01}


def test_missing_parents_are_created() -> None:
    made = with_value(TEMPLATE, resolve(TEMPLATE, "training.checkpoint.everyEpochs"), 3)
    assert made["training"]["checkpoint"]["everyEpochs"] == 3


def test_without_field() -> None:
    made = without_field(TEMPLATE, resolve(TEMPLATE, "network.layers[conv1].kernel_size"))
    assert made["network"]["layers"][0] == {"layer": "Conv2D", "name": "conv1", "filters": 32}
    assert made["network"]["layers"][1:] == TEMPLATE["network"]["layers"][1:]
    assert without_field({"image": "a"}, resolve({"image": "a"}, "image")) == {}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("training.optimizer.learning_rate", "Adam"),
        ("network.layers[conv1].filters", "Conv2D"),
        ("training.callbacks[0].patience", "EarlyStopping"),
        ("training.batchSize", None),
        ("network.input.shape[0]", None),
    ],
)
def test_keras_class(path: str, name: str | None) -> None:
    assert keras_class(TEMPLATE, resolve(TEMPLATE, path)) == name


def test_overlaps() -> None:
    whole, name, other = (
        resolve(TEMPLATE, path) for path in ("training.optimizer", "training.optimizer.name", "training.batchSize")
    )
    assert whole.overlaps(name)
    assert name.overlaps(whole)
    assert name.overlaps(name)
    assert not name.overlaps(other)


@pytest.mark.parametrize(
    ("path", "other", "renames"),
    [
        ("network.layers[conv1].name", "network.layers[conv1].filters", True),
        ("network.layers[conv1].name", "network.layers[1].rate", False),
        ("network.layers[conv1].filters", "network.layers[conv1].name", False),
        ("training.callbacks[0].callback", "training.callbacks[0].patience", True),
        ("training.optimizer.name", "training.optimizer.learning_rate", False),
    ],
)
def test_renames(path: str, other: str, *, renames: bool) -> None:
    assert resolve(TEMPLATE, path).renames(resolve(TEMPLATE, other)) is renames


KEYS = st.text("abcdefgh_", min_size=1, max_size=6)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
ARGUMENTS = st.dictionaries(KEYS, SCALARS | st.lists(SCALARS, max_size=3), max_size=4)
LAYERS = st.lists(ARGUMENTS.map(lambda given: {**given, "layer": "Dense"}), min_size=1, max_size=5)


@st.composite
def places(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    """Draws a spec, and a path into it."""
    spec = {**TEMPLATE, "network": {**TEMPLATE["network"], "layers": draw(LAYERS)}}
    spec["training"] = {**TEMPLATE["training"], "optimizer": draw(st.just("Adam") | ARGUMENTS)}
    index = draw(st.integers(0, len(spec["network"]["layers"]) - 1))
    key = draw(KEYS)
    return spec, draw(st.sampled_from([f"network.layers[{index}].{key}", f"training.optimizer.{key}"]))


@given(places(), SCALARS.filter(lambda value: value is not None))
def test_with_value_changes_only_its_field(given_place: tuple[dict[str, Any], str], value: Any) -> None:
    spec, path = given_place
    before = copy.deepcopy(spec)
    made = with_value(spec, resolve(spec, path), value)
    assert resolve(made, path).value == value
    assert spec == before
    assert with_value(made, resolve(made, path), value) == made
    assert resolve(made, path).steps == resolve(spec, path).steps
    assert without_field(made, resolve(made, path)) == without_field(
        with_value(spec, resolve(spec, path), None), resolve(spec, path)
    )
