import re

import numpy as np
import pytest
from epochal_trainer.data.features import match_features
from epochal_trainer.data.samples import Samples

from tests.unit.trainer.expect import expect_failure


def samples(*shape: int) -> Samples:
    return Samples.single(np.zeros(shape), np.zeros(shape[0]), "images", "labels")


@pytest.mark.parametrize(
    ("shape", "expected"), [((5, 28, 28), [28, 28, 1]), ((5, 28, 28, 3), [28, 28, 3]), ((5,), [1]), ((5, 64), [64])]
)
def test_only_a_trailing_axis_of_1_is_added(shape: tuple[int, ...], expected: list[int]) -> None:
    before = samples(*shape)
    found = match_features(before, expected)
    assert found.features.shape == (5, *expected)
    assert np.shares_memory(found.features, before.features)


@pytest.mark.parametrize(
    ("shape", "expected", "message"),
    [
        (
            (5, 28, 28),
            [28, 28, 3],
            "is 28×28, but .* is 28×28×3: .* no axis of channels, so write .* [28, 28, 1]: an axis",
        ),
        ((5, 28, 28, 1), [28, 28], "is 28×28×1, but .* is 28×28: write .*: [28, 28, 1], since layers such as Conv2D"),
        (
            (5, 784),
            [28, 28, 1],
            "is 784, but .* is 28×28×1: write .*: [784], and {layer: Reshape, target_shape: [28, 28, 1]} as the first",
        ),
        (
            (5, 3, 32, 32),
            [32, 32, 3],
            ": write .*: [3, 32, 32], and {layer: Permute, dims: [2, 3, 1]} as the first layer",
        ),
        (
            (5, 27, 28),
            [28, 28, 1],
            "is 27×28, .* so write spec.network.input.shape: [27, 28, 1]: an axis of 1 is added",
        ),
        ((5, 27, 28), [28, 28], "must be the same (a trailing axis of 1 is added automatically), so write .* [27, 28]"),
        ((5,), [4], "is a single value, but .* is 4: both shapes must be the same$"),
    ],
)
def test_shape_mismatch(shape: tuple[int, ...], expected: list[int], message: str) -> None:
    pattern = re.escape(message).replace(r"\.\*", ".*").replace(r"\$", "$")
    with expect_failure("ShapeMismatch", rf"^a sample in images .*{pattern}"):
        match_features(samples(*shape), expected)


@pytest.mark.parametrize(
    ("shape", "expected", "found"),
    [
        ((5,), [], (5,)),
        ((5, 7), [None], (5, 7)),
        ((5, 7), [None, 1], (5, 7, 1)),
        ((5, 28, 28), [None, None, 1], (5, 28, 28, 1)),
    ],
)
def test_axes_of_any_length_and_single_values(
    shape: tuple[int, ...], expected: list[int | None], found: tuple[int, ...]
) -> None:
    assert match_features(samples(*shape), expected).features.shape == found


@pytest.mark.parametrize(
    ("shape", "expected", "message"),
    [
        (
            (5, 3),
            [],
            r"is 3, but spec.network.inputs\[1\].shape is \[\]: both shapes must be .*, so write spec.*shape: \[3\]",
        ),
        ((5, 3), [None, 4], r"is 3, but spec.network.inputs\[1\].shape is \?×4: both shapes must be the same"),
        ((5, 9, 3), [None, 4], r"is 9×3, but .* is \?×4: both shapes must be the same"),
    ],
)
def test_the_message_names_the_input(shape: tuple[int, ...], expected: list[int | None], message: str) -> None:
    with expect_failure("ShapeMismatch", message):
        match_features(samples(*shape), expected, "spec.network.inputs[1]")


def test_a_model_without_a_description() -> None:
    must = "the data must have the shape of the input .a trailing axis of 1 is added automatically.$"
    with expect_failure("ShapeMismatch", f"is 3, but the input 'x' of the model takes 4: {must}"):
        match_features(samples(5, 3), [4], "the input 'x' of the model", is_described=False)
