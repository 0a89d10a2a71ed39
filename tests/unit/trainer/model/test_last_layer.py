from collections.abc import Callable
from typing import Any

import keras
import pytest
from epochal_api.trainingjob.network import Named, Network
from epochal_trainer.model import graph, network
from epochal_trainer.model.last_layer import Last, check_last_layer, last_of, mismatch

SPARSE, ROWS, BINARY = "SparseCategoricalCrossentropy", "CategoricalCrossentropy", "BinaryCrossentropy"


def loss(name: str, **arguments: Any) -> Named:
    return Named.model_validate({"name": name, **arguments})


@pytest.mark.parametrize(
    ("activation", "outputs", "told", "words"),
    [
        ("softmax", 10, loss(SPARSE), None),
        ("linear", 10, loss(SPARSE, from_logits=True), None),
        ("sigmoid", 1, loss(BINARY), None),
        ("linear", 1, loss(BINARY, from_logits=True), None),
        ("softmax", 2, loss(BINARY), None),
        ("sigmoid", 10, loss(ROWS), None),
        ("exponential", 10, loss(ROWS), None),
        ("log_softmax", 10, loss(SPARSE, from_logits=True), None),
        ("linear", 1, loss("MeanSquaredError"), None),
        ("relu", 10, loss("CategoricalHinge"), None),
        (
            "linear",
            10,
            loss(SPARSE),
            "has no activation, and SparseCategoricalCrossentropy takes probabilities: use activation: softmax, or",
        ),
        (
            "linear",
            10,
            loss(SPARSE),
            "write spec.training.loss: {name: SparseCategoricalCrossentropy, from_logits: true}",
        ),
        ("linear", 10, loss("categorical_crossentropy"), "{name: CategoricalCrossentropy, from_logits: true}"),
        ("linear", 10, loss(ROWS, from_logits=False), "has no activation"),
        ("relu", 10, loss(SPARSE), "has the activation relu, and SparseCategoricalCrossentropy takes probabilities"),
        ("linear", 1, loss("bce"), "use activation: sigmoid, or write spec.training.loss: {name: BinaryCrossentropy, "),
        ("exponential", 1, loss(BINARY), "has the activation exponential"),
        ("softmax", 10, loss(SPARSE, from_logits=True), "gives probabilities, by its activation softmax, and Sparse"),
        ("sigmoid", 1, loss("BinaryFocalCrossentropy", from_logits=True), "leave out either of the two"),
        ("softmax", 1, loss(BINARY), "gives softmax over a single output, which is 1 whatever goes in"),
        ("softmax", 1, loss(BINARY), "in: use activation: sigmoid, with the loss BinaryCrossentropy"),
        ("softmax", 1, loss("mse"), "in: leave the activation out, or, for labels 0 and 1, use activation: sigmoid"),
        ("softmax", 1, loss("MeanAbsoluteError"), "whatever goes in: leave the activation out"),
    ],
)
def test_what_a_last_layer_gives_is_what_the_loss_takes(
    activation: str, outputs: int, told: Named, words: str | None
) -> None:
    found = mismatch(Last("dense", activation, outputs), told)
    assert found is None if words is None else words in (found or "")


DENSE = {"layer": "Dense", "units": 3}
SOFTMAX = {**DENSE, "activation": "softmax", "name": "end"}


def built(*layers: dict[str, Any], shape: tuple[int, ...] = (4,)) -> keras.Model:
    described = Network.model_validate({"input": {"shape": list(shape)}, "layers": list(layers)})
    return network.build(described, seed=1, memory=1 << 30)


@pytest.mark.parametrize(
    ("layers", "shape", "found"),
    [
        ([DENSE, SOFTMAX], (4,), Last("end", "softmax", 3)),
        ([{**DENSE, "name": "end"}], (4,), Last("end", "linear", 3)),
        ([DENSE, {"layer": "Softmax", "name": "end"}], (4,), Last("end", "softmax", 3)),
        ([DENSE, {"layer": "Activation", "activation": "softmax", "name": "end"}], (4,), Last("end", "softmax", 3)),
        ([SOFTMAX, {"layer": "Activation", "activation": "linear"}], (4,), Last("end", "softmax", 3)),
        ([SOFTMAX, {"layer": "Reshape", "target_shape": [3, 1]}], (4,), Last("end", "softmax", 1)),
        ([{**DENSE, "name": "end"}, {"layer": "Dropout", "rate": 0.5}], (4,), Last("end", "linear", 3)),
        ([DENSE, {"layer": "ReLU", "name": "end"}], (4,), Last("end", "relu", 3)),
        (
            [{"layer": "TimeDistributed", "wrapped": {**DENSE, "activation": "softmax"}, "name": "end"}],
            (5, 4),
            Last("end", "softmax", 3),
        ),
        ([{"layer": "LSTM", "units": 3, "name": "end"}], (5, 4), Last("end", "tanh", 3)),
        (
            [SOFTMAX, {**DENSE, "inputs": ["input"], "name": "b"}, {"layer": "Add", "inputs": ["end", "b"]}],
            (4,),
            None,
        ),
        ([{"layer": "Flatten"}], (4,), None),
        ([SOFTMAX, {"layer": "BatchNormalization"}], (4,), None),
    ],
)
def test_the_layer_that_decides_is_found(
    layers: list[dict[str, Any]], shape: tuple[int, ...], found: Last | None
) -> None:
    assert last_of(built(*layers, shape=shape)) == found


def nested() -> keras.Model:
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax", name="inside")])
    start = keras.Input((4,))
    return keras.Model(start, keras.layers.Dropout(0.1)(inner(start)))


def by_operation() -> keras.Model:
    start = keras.Input((4,))
    return keras.Model(start, keras.ops.softmax(keras.layers.Dense(3)(start)))


class Code(keras.Model):  # type: ignore[misc]
    """A model that only its code knows."""

    def call(self, taken: Any) -> Any:
        return taken


def two() -> keras.Model:
    start = keras.Input((4,))
    return keras.Model(start, [keras.layers.Dense(1)(start), keras.layers.Dense(2)(start)])


@pytest.mark.parametrize(
    ("make", "activation"), [(nested, "softmax"), (by_operation, "softmax"), (Code, None), (two, None)]
)
def test_models_that_no_trainingjob_describes(make: Callable[[], keras.Model], activation: str | None) -> None:
    last = last_of(make())
    assert (last and last.activation) == activation


def test_the_layer_is_named_as_the_spec_has_it() -> None:
    described = Network.model_validate({"input": {"shape": [4]}, "layers": [DENSE, {"layer": "Flatten"}]})
    model = network.build(described, seed=1, memory=1 << 30)
    (one,) = check_last_layer(model, graph.nodes_of(described), loss(SPARSE))
    assert one.reason == "ActivationMismatch"
    assert one.message.startswith("spec.network.layers[0] (Dense, 'dense_0') has no activation, and Sparse")
    (other,) = check_last_layer(model, [], loss(SPARSE))
    assert other.message.startswith("the layer 'dense_0' has no activation")
    assert list(check_last_layer(model, [], loss(SPARSE, from_logits=True))) == []
    assert list(check_last_layer(Code(), [], loss(SPARSE))) == []
