import re

import numpy as np
import pytest
from epochal_trainer.data.features import check_features
from epochal_trainer.data.samples import Samples
from epochal_trainer.lib.failures import Failure


def samples(*shape: int) -> Samples:
    return Samples(np.zeros(shape), np.zeros(shape[0]), "images", "labels")


@pytest.mark.parametrize(
    ("shape", "wanted"), [((5, 28, 28), [28, 28, 1]), ((5, 28, 28, 3), [28, 28, 3]), ((5,), [1]), ((5, 64), [64])]
)
def test_only_a_trailing_axis_of_1_is_added(shape: tuple[int, ...], wanted: list[int]) -> None:
    given = samples(*shape)
    found = check_features(given, wanted)
    assert found.features.shape == (5, *wanted)
    assert np.shares_memory(found.features, given.features)


@pytest.mark.parametrize(
    ("shape", "wanted", "advice"),
    [
        (
            (5, 28, 28),
            [28, 28, 3],
            "no axis of channels, so write spec.network.input.shape: [28, 28, 1]: an axis of 1 is",
        ),
        ((5, 28, 28, 1), [28, 28], "write spec.network.input.shape: [28, 28, 1], since layers such as Conv2D need the"),
        (
            (5, 784),
            [28, 28, 1],
            "write spec.network.input.shape: [784], and {layer: Reshape, target_shape: [28, 28, 1]} as the first layer",
        ),
        (
            (5, 3, 32, 32),
            [32, 32, 3],
            "write spec.network.input.shape: [3, 32, 32], and {layer: Permute, dims: [2, 3, 1]} as the first layer",
        ),
        ((5, 27, 28), [28, 28, 1], "so write spec.network.input.shape: [27, 28, 1]: an axis of 1 is added"),
        (
            (5, 27, 28),
            [28, 28],
            "must be the same (a trailing axis of 1 is added by itself), so write spec.network.input.shape: [27, 28]",
        ),
        ((5,), [4], "they must be the same$"),
    ],
)
def test_it_is_said_what_to_write(shape: tuple[int, ...], wanted: list[int], advice: str) -> None:
    with pytest.raises(Failure) as caught:
        check_features(samples(*shape), wanted)
    assert re.search(re.escape(advice).replace(r"\$", "$"), caught.value.message), caught.value.message


@pytest.mark.parametrize(
    ("shape", "wanted", "found"),
    [
        ((5, 28, 28), [28, 28, 3], "28×28,.*says 28×28×3"),
        ((5, 28, 28, 1), [28, 28], "28×28×1,.*says 28×28"),
        ((5, 784), [28, 28, 1], "784,.*says 28×28×1"),
        ((5, 27, 28), [28, 28, 1], "27×28,"),
        ((5,), [4], "a single value,.*says 4"),
    ],
)
def test_other_shapes_are_refused(shape: tuple[int, ...], wanted: list[int], found: str) -> None:
    with pytest.raises(Failure, match=f"a sample in images is {found}") as caught:
        check_features(samples(*shape), wanted)
    assert caught.value.reason == "ShapeMismatch"
