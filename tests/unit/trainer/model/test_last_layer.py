from collections.abc import Callable
from typing import Any

import keras
import pytest
from epochal_api.trainingjob.network import Named
from epochal_trainer.model import graph
from epochal_trainer.model.last_layer import LastLayer, check_last_layer, find_last_layer, mismatch

from tests.unit.trainer.model.networks import build_network, network_spec

SPARSE, ROWS, BINARY = "SparseCategoricalCrossentropy", "CategoricalCrossentropy", "BinaryCrossentropy"


def named(name: str, **arguments: Any) -> Named:
    return Named.model_validate({"name": name, **arguments})


@pytest.mark.parametrize(
    ("activation", "outputs", "loss", "words"),
    [
        ("softmax", 10, named(SPARSE), None),
        ("linear", 10, named(SPARSE, from_logits=True), None),
        ("sigmoid", 1, named(BINARY), None),
        ("linear", 1, named(BINARY, from_logits=True), None),
        ("softmax", 2, named(BINARY), None),
        ("sigmoid", 10, named(ROWS), None),
        ("exponential", 10, named(ROWS), None),
        ("log_softmax", 10, named(SPARSE, from_logits=True), None),
        ("linear", 1, named("MeanSquaredError"), None),
        ("relu", 10, named("CategoricalHinge"), None),
        (
            "linear",
            10,
            named(SPARSE),
            "has no activation, but SparseCategoricalCrossentropy expects probabilities: use act",
        ),
        (
            "linear",
            10,
            named(SPARSE),
            "write spec.training.loss: {name: SparseCategoricalCrossentropy, from_logits: true}",
        ),
        ("linear", 10, named("categorical_crossentropy"), "{name: CategoricalCrossentropy, from_logits: true}"),
        ("linear", 10, named(ROWS, from_logits=False), "has no activation"),
        ("relu", 10, named(SPARSE), "has the activation relu, but SparseCategoricalCrossentropy expects probabilities"),
        (
            "linear",
            1,
            named("bce"),
            "use activation: sigmoid, or write spec.training.loss: {name: BinaryCrossentropy, ",
        ),
        ("exponential", 1, named(BINARY), "has the activation exponential"),
        (
            "softmax",
            10,
            named(SPARSE, from_logits=True),
            "gives probabilities, with its activation softmax, but Sparse",
        ),
        ("sigmoid", 1, named("BinaryFocalCrossentropy", from_logits=True), "remove the activation or from_logits"),
        ("softmax", None, named(BINARY), None),
        ("sigmoid", 10, named(BINARY), None),
        ("softmax", 10, named(BINARY), "applies softmax to 10 outputs, whose sum is then 1, but BinaryCrossentropy"),
        (
            "softmax",
            10,
            named(BINARY),
            "use activation: sigmoid if a sample may have several classes, or else the loss",
        ),
        ("sparsemax", 3, named("BinaryFocalCrossentropy"), "applies sparsemax to 3 outputs"),
        ("softmax", 10, named(BINARY, from_logits=True), "remove the activation or from_logits"),
        ("softmax", 1, named(BINARY), "applies softmax to a single output, which is then 1 for every input"),
        ("softmax", 1, named(BINARY), "input: use activation: sigmoid, with the loss BinaryCrossentropy"),
        ("softmax", 1, named("mse"), "input: remove the activation, or, for labels 0 and 1, use activation: sigmoid"),
        ("softmax", 1, named("MeanAbsoluteError"), "for every input: remove the activation"),
    ],
)
def test_mismatch(activation: str, outputs: int, loss: Named, words: str | None) -> None:
    found = mismatch(LastLayer("dense", activation, outputs), loss)
    assert found is None if words is None else words in (found or "")


DENSE = {"layer": "Dense", "units": 3}
SOFTMAX = {**DENSE, "activation": "softmax", "name": "end"}


def built(*layers: dict[str, Any], shape: tuple[int, ...] = (4,)) -> keras.Model:
    return build_network(network_spec(list(shape), *layers))


@pytest.mark.parametrize(
    ("layers", "shape", "found"),
    [
        ([DENSE, SOFTMAX], (4,), LastLayer("end", "softmax", 3)),
        ([{**DENSE, "name": "end"}], (4,), LastLayer("end", "linear", 3)),
        ([DENSE, {"layer": "Softmax", "name": "end"}], (4,), LastLayer("end", "softmax", 3)),
        (
            [DENSE, {"layer": "Activation", "activation": "softmax", "name": "end"}],
            (4,),
            LastLayer("end", "softmax", 3),
        ),
        ([SOFTMAX, {"layer": "Activation", "activation": "linear"}], (4,), LastLayer("end", "softmax", 3)),
        ([SOFTMAX, {"layer": "Reshape", "target_shape": [3, 1]}], (4,), LastLayer("end", "softmax", 1)),
        ([{**DENSE, "name": "end"}, {"layer": "Dropout", "rate": 0.5}], (4,), LastLayer("end", "linear", 3)),
        ([DENSE, {"layer": "ReLU", "name": "end"}], (4,), LastLayer("end", "relu", 3)),
        (
            [{"layer": "TimeDistributed", "wrapped": {**DENSE, "activation": "softmax"}, "name": "end"}],
            (5, 4),
            LastLayer("end", "softmax", 3),
        ),
        ([{"layer": "LSTM", "units": 3, "name": "end"}], (5, 4), LastLayer("end", "tanh", 3)),
        ([SOFTMAX, {**DENSE, "inputs": ["input"], "name": "b"}, {"layer": "Add", "inputs": ["end", "b"]}], (4,), None),
        ([{"layer": "Flatten"}], (4,), None),
        ([SOFTMAX, {"layer": "BatchNormalization"}], (4,), None),
    ],
)
def test_find_last_layer(layers: list[dict[str, Any]], shape: tuple[int, ...], found: LastLayer | None) -> None:
    assert find_last_layer(built(*layers, shape=shape)) == found


def nested() -> keras.Model:
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax", name="inside")])
    start = keras.Input((4,))
    return keras.Model(start, keras.layers.Dropout(0.1)(inner(start)))


def by_operation() -> keras.Model:
    start = keras.Input((4,))
    return keras.Model(start, keras.ops.softmax(keras.layers.Dense(3)(start)))


class SubclassedModel(keras.Model):  # type: ignore[misc]
    """A model whose layers Keras does not record."""

    def call(self, taken: Any) -> Any:
        return taken


def two_outputs() -> keras.Model:
    start = keras.Input((4,))
    return keras.Model(start, [keras.layers.Dense(1)(start), keras.layers.Dense(2)(start)])


@pytest.mark.parametrize(
    ("make", "activation"),
    [(nested, "softmax"), (by_operation, "softmax"), (SubclassedModel, None), (two_outputs, "linear")],
)
def test_find_last_layer_of_other_models(make: Callable[[], keras.Model], activation: str | None) -> None:
    last = find_last_layer(make())
    assert (last and last.activation) == activation


def test_check_last_layer_names_the_layer() -> None:
    spec = network_spec([4], DENSE, {"layer": "Flatten"})
    model = build_network(spec)
    (warning,) = check_last_layer(model, graph.build_nodes(spec), named(SPARSE))
    assert warning.reason == "ActivationMismatch"
    assert warning.message.startswith("spec.network.layers[0] (Dense, 'dense_0') has no activation, but Sparse")
    (other,) = check_last_layer(model, [], named(SPARSE))
    assert other.message.startswith("the layer 'dense_0' has no activation")
    assert list(check_last_layer(model, [], named(SPARSE, from_logits=True))) == []
    assert list(check_last_layer(SubclassedModel(), [], named(SPARSE))) == []
