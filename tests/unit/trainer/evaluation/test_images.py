"""Samples as small images, in every layout and range."""

from typing import Any

import numpy as np
import pytest
from epochal_trainer.evaluation.images import SIZE, small_images
from numpy.typing import NDArray

GRADIENT = np.linspace(0, 1, 8 * 8).reshape(8, 8)


@pytest.mark.parametrize(
    ("image", "height", "width"),
    [
        (np.zeros((28, 28, 1)), SIZE, SIZE),
        (np.zeros((3, 32, 64)), SIZE // 2, SIZE),
        (np.zeros((300, 200, 3), np.uint8), SIZE, SIZE * 2 // 3),
        (np.zeros((8, 8)), SIZE, SIZE),
        (np.zeros((28, 30), np.uint8), SIZE * 28 // 30, SIZE),
        (np.zeros((1, 8, 1)), SIZE // 8, SIZE),
    ],
)
def test_layouts(image: NDArray[Any], height: int, width: int) -> None:
    found = small_images(np.stack([image] * 3), [2, 0])
    assert [each.dtype for each in found] == [np.uint8] * 2
    assert {each.shape[:2] for each in found} <= {(height, width), (height + 1, width)}
    assert all(each.shape[2] == 3 for each in found)


@pytest.mark.parametrize("shape", [(4,), (28, 30), (100, 3), (7, 7), (2, 2, 2, 3), (1000, 2, 3), (5, 5, 4)])
def test_other_samples_are_no_images(shape: tuple[int, ...]) -> None:
    assert small_images(np.zeros((3, *shape)), [0]) == []


def test_no_samples() -> None:
    assert small_images(np.zeros((3, 8, 8, 1)), []) == []


@pytest.mark.parametrize("scale", [1.0, 255.0, 16.0, 1000.0])
def test_black_and_white_of_any_range(scale: float) -> None:
    features = (GRADIENT * scale)[np.newaxis, ..., np.newaxis].astype(np.uint8 if scale <= 255 and scale > 1 else float)
    (image,) = small_images(features, [0])
    assert (image.min(), image.max()) == (0, 255)
    assert image[0, 0].tolist() == [0, 0, 0]
    assert image[-1, -1].tolist() == [255, 255, 255]


def test_standardized_channels_have_ranges_of_their_own() -> None:
    """Otherwise the picture would have a tint."""
    channels = np.stack([GRADIENT * 2 - 3, GRADIENT * 4 - 1, GRADIENT * 3], axis=-1)
    (image,) = small_images(channels[np.newaxis], [0])
    assert np.ptp(image.astype(int), axis=-1).max() <= 1


def test_channels_first() -> None:
    red = np.zeros((1, 3, 8, 8), np.uint8)
    red[:, 0] = 255
    (image,) = small_images(red, [0])
    assert (image == [255, 0, 0]).all()


def test_a_single_colour_is_black() -> None:
    (image,) = small_images(np.full((1, 8, 8, 1), 1234.5), [0])
    assert image.max() == 0
