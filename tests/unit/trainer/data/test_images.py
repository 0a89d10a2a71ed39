"""What stands for black and white in the images of a training set."""

from typing import Any

import numpy as np
import pytest
from epochal_api.signature import ImageSpec
from epochal_trainer.export.images import BLOCK, image_of


def images(low: float, high: float, dtype: Any, shape: tuple[int, ...] = (4, 5, 1)) -> Any:
    features = np.full((3, *shape), low, dtype)
    features[2, ..., 0] = high
    return features


@pytest.mark.parametrize(
    ("features", "lowest", "highest"),
    [
        (images(0, 200, np.uint8), 0, 255),
        (images(3, 255, np.uint8), 0, 255),
        (images(0, 90, np.uint8), 0, 255),
        (images(0, 16, np.uint8), 0, 16),
        (images(2, 15, np.uint8), 0, 15),
        (images(0, 1, np.uint8), 0, 1),
        (images(0.1, 0.9, np.float32), 0, 1),
        (images(0, 1, np.float64), 0, 1),
        (images(-1, 1, np.float32), -1, 1),
        (images(0, 250.5, np.float32), 0, 250.5),
        (images(0, 65535, np.uint16), 0, 65535),
        (images(0, 1, np.bool_), 0, 1),
    ],
)
def test_black_and_white_follow_from_the_training_data(features: Any, lowest: float, highest: float) -> None:
    assert image_of(features) == ImageSpec(height=4, width=5, channels=1, lowest=lowest, highest=highest)


@pytest.mark.parametrize(
    ("shape", "channels"), [((4, 5, 3), 3), ((4, 5), None), ((20,), None), ((4, 5, 2), None), ((2, 4, 5, 3), None)]
)
def test_images_have_one_channel_or_three(shape: tuple[int, ...], channels: int | None) -> None:
    found = image_of(images(0, 1, np.float32, shape))
    assert (found and found.channels) == channels


def test_all_of_a_training_set_is_looked_at() -> None:
    features = np.zeros((2 * BLOCK + 1, 1, 1, 1), np.float32)
    features[-1], features[BLOCK] = 7, -3
    found = image_of(features)
    assert found is not None
    assert (found.lowest, found.highest) == (-3, 7)
