from typing import Any

import keras
import numpy as np
import pytest
from epochal_trainer.export.tensors import (
    UnsupportedModel,
    have_probabilities,
    inputs_of,
    network_of,
    outputs_of,
    predict,
)
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
        ("shared_1", [2]),
    ]


@pytest.mark.parametrize("by_name", [False, True])
def test_inputs_are_passed_by_name(*, by_name: bool) -> None:
    model = several(by_name=by_name)
    inputs = {"left": np.ones(3, np.float32), "right": np.arange(30, dtype=np.int32).reshape(3, 2, 5)}
    found = predict(model, inputs)
    assert {name: (array.shape, array.dtype.name) for name, array in found.items()} == {
        "shared": ((3, 2), "float32"),
        "pooled": ((3, 5), "float32"),
        "shared_1": ((3, 2), "float32"),
    }
    assert (found["pooled"] == inputs["right"].max(axis=1)).all()


def test_string_inputs() -> None:
    look_up = layers.StringLookup(vocabulary=["a", "of"], name="words")
    model = keras.Sequential([keras.Input((2,), dtype="string", name="input"), look_up])
    assert [(spec.name, spec.shape, spec.dtype) for spec in inputs_of(model)] == [("input", [2], "str")]
    assert predict(model, {"input": np.array([["of", "what"]], object)})["words"].tolist() == [[2, 0]]


def test_string_outputs() -> None:
    model = keras.Sequential([keras.Input((), dtype="string", name="input"), layers.Identity(name="words")])
    assert [(spec.name, spec.shape, spec.dtype) for spec in outputs_of(model)] == [("words", [], "str")]
    assert predict(model, {"input": np.array(["of", "ä"], object)})["words"].tolist() == ["of", "ä"]


@pytest.mark.parametrize(
    ("after", "shape"), [([], [2]), ([layers.Identity()], [2]), ([layers.Reshape((2, 1)), layers.Identity()], [2, 1])]
)
def test_outputs_of_words_by_their_indices(after: list[keras.layers.Layer], shape: list[int]) -> None:
    look_up = layers.StringLookup(vocabulary=["a", "of"], invert=True)
    model = keras.Sequential([keras.Input((2,), dtype="int64", name="input"), look_up, *after])
    (spec,) = outputs_of(model)
    assert (spec.shape, spec.dtype) == (shape, "str")
    found = predict(model, {"input": np.array([[2, 0]])})[spec.name]
    assert found.reshape(1, 2).tolist() == [["of", "[UNK]"]]


def test_outputs_of_words_of_a_model_within_another() -> None:
    indices = keras.Input((2,), dtype="int64")
    words = layers.StringLookup(vocabulary=["a", "of"], invert=True)(indices)
    inner = keras.Model(indices, [layers.Identity()(indices), words], name="inner")
    outer = keras.Input((2,), dtype="int64")
    assert [spec.dtype for spec in outputs_of(keras.Model(outer, inner(outer)))] == ["int64", "str"]


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
    assert have_probabilities(model) == [expected]


def test_the_signature_has_classes_and_probabilities_of_each_output() -> None:
    left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    outputs = [layers.Dense(2, name="size")(left), layers.Dense(1, activation="sigmoid", name="odd")(right)]
    model = keras.Model([left, right], outputs)
    names = {"odd": ("no", "yes")}
    found = network_of(model, names, None)
    assert [(spec.name, spec.probabilities, spec.classes) for spec in found["outputs"]] == [
        ("size", False, None),
        ("odd", True, ("no", "yes")),
    ]
    assert (found["probabilities"], found["classes"]) == (False, None)
    found = network_of(keras.Model([left, right], outputs[::-1]), names, None)
    assert (found["probabilities"], found["classes"]) == (True, ("no", "yes"))
    found = network_of(keras.Model(right, outputs[1]), {"any": ("no", "yes")}, None)
    assert (found["probabilities"], found["classes"], found["outputs"][0].probabilities) == (True, ("no", "yes"), False)
