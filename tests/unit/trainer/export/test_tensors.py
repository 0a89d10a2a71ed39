from typing import Any

import keras
import numpy as np
import pytest
from epochal_trainer.export.tensors import UnsupportedModel, has_probabilities, inputs_of, outputs_of, predict
from keras import layers

# Keras 3.15 under numpy 2.4: https://numpy.org/devdocs/numpy_2_0_migration_guide.html
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def several(*, by_name: bool = False) -> keras.Model:
    right, left = keras.Input((None, 5), name="right", dtype="int32"), keras.Input((), name="left", dtype="float16")
    shared = layers.Dense(2, name="shared")
    wide = layers.Dense(5)(layers.Reshape((1,))(left))
    pooled = layers.GlobalMaxPooling1D(name="pooled")(keras.ops.cast(right, "float32"))
    inputs = {"right": right, "left": left} if by_name else [right, left]
    return keras.Model(inputs, [shared(wide), pooled, shared(pooled)])


@pytest.mark.parametrize("by_name", [False, True])
def test_inputs_and_outputs_are_named_by_their_layers(*, by_name: bool) -> None:
    model = several(by_name=by_name)
    assert sorted((spec.name, spec.shape, spec.dtype) for spec in inputs_of(model)) == [
        ("left", [], "float32"),
        ("right", [-1, 5], "int32"),
    ]
    assert [(spec.name, spec.shape) for spec in outputs_of(model)] == [
        ("shared", [2]),
        ("pooled", [5]),
        ("shared_2", [2]),
    ]


@pytest.mark.parametrize("by_name", [False, True])
def test_inputs_are_passed_by_name(*, by_name: bool) -> None:
    model = several(by_name=by_name)
    inputs = {"left": np.ones(3, np.float32), "right": np.arange(30, dtype=np.int32).reshape(3, 2, 5)}
    found = predict(model, inputs)
    assert {name: (array.shape, array.dtype.name) for name, array in found.items()} == {
        "shared": ((3, 2), "float32"),
        "pooled": ((3, 5), "float32"),
        "shared_2": ((3, 2), "float32"),
    }
    assert (found["pooled"] == inputs["right"].max(axis=1)).all()


def test_string_inputs() -> None:
    look_up = layers.StringLookup(vocabulary=["a", "of"], name="words")
    model = keras.Sequential([keras.Input((2,), dtype="string", name="input"), look_up])
    assert [(spec.name, spec.shape, spec.dtype) for spec in inputs_of(model)] == [("input", [2], "str")]
    assert predict(model, {"input": np.array([["of", "what"]], object)})["words"].tolist() == [[2, 0]]


class Subclassed(keras.Model):  # type: ignore[misc]
    def call(self, inputs: Any) -> Any:
        return inputs


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: Subclassed(name="mine"), "expected a functional or Sequential model, found 'mine', a Subclassed"),
        (
            lambda: keras.Sequential([keras.Input(batch_shape=(4, 3), name="in"), layers.Dense(2)]),
            "'in' has the shape (4, 3), but its first axis must be the batch",
        ),
    ],
)
def test_unsupported_models(model: Any, message: str) -> None:
    with pytest.raises(UnsupportedModel) as caught:
        inputs_of(model())
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("units", "activation", "expected"),
    [(10, "softmax", True), (1, "sigmoid", True), (2, "sigmoid", False), (10, None, False), (1, "relu", False)],
)
def test_has_probabilities(units: int, activation: str | None, *, expected: bool) -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(units, activation=activation), layers.Dropout(0.1)])
    assert has_probabilities(model) is expected


def test_probabilities_of_the_first_output() -> None:
    start = keras.Input((3,))
    outputs = [layers.Dense(4, activation="softmax")(start), layers.Dense(1)(start)]
    assert has_probabilities(keras.Model(start, outputs))
    assert not has_probabilities(keras.Model(start, outputs[::-1]))
