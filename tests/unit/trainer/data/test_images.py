from typing import Any

import numpy as np
import pytest
from epochal_api.signature import ChannelRange, ImageSpec
from epochal_trainer.data.arrays import BLOCK_SIZE
from epochal_trainer.data.images import check_images, image_spec


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
def test_image_range(features: Any, lowest: float, highest: float) -> None:
    assert image_spec(features) == ImageSpec(height=4, width=5, channels=1, lowest=lowest, highest=highest)


@pytest.mark.parametrize(
    ("shape", "channels"), [((4, 5, 3), 3), ((4, 5), None), ((20,), None), ((4, 5, 2), None), ((2, 4, 5, 3), None)]
)
def test_images_have_one_or_three_channels(shape: tuple[int, ...], channels: int | None) -> None:
    found = image_spec(images(0, 1, np.float32, shape))
    assert (found and found.channels) == channels


def test_range_covers_all_blocks_of_the_training_set() -> None:
    features = np.zeros((2 * BLOCK_SIZE + 1, 1, 1, 1), np.float32)
    features[-1], features[BLOCK_SIZE] = 7, -3
    found = image_spec(features)
    assert found is not None
    assert (found.lowest, found.highest) == (-3, 7)


MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def standardized(dtype: Any = np.float32) -> Any:
    pixels = np.random.default_rng(0).integers(0, 256, (200, 8, 8, 3)) / 255
    return ((pixels - MEAN) / DEVIATION).astype(dtype)


def test_standardized_images_have_a_range_per_channel() -> None:
    found = image_spec(standardized())
    assert found is not None
    assert found.ranges is not None
    np.testing.assert_allclose([channel.lowest for channel in found.ranges], -MEAN / DEVIATION, atol=1e-6)
    np.testing.assert_allclose([channel.highest for channel in found.ranges], (1 - MEAN) / DEVIATION, atol=1e-6)
    assert (found.lowest, found.highest) == (found.ranges[0].lowest, found.ranges[2].highest)
    assert list(check_images(standardized())) == []


@pytest.mark.parametrize(
    "features",
    [
        np.random.default_rng(0).integers(0, 200, (9, 8, 8, 3), np.uint8),
        np.random.default_rng(0).integers(0, [9000, 7000, 5000], (9, 8, 8, 3)).astype(np.uint16),
        np.random.default_rng(0).uniform(0, [0.9, 0.7, 0.5], (9, 8, 8, 3)).astype(np.float32),
        np.random.default_rng(0).uniform(-1, [1, 0.999, 0.99], (99, 8, 8, 3)).astype(np.float32),
    ],
    ids=["bytes", "16 bits", "unit", "nearly alike"],
)
def test_similar_channels_share_a_range(features: Any) -> None:
    found = image_spec(features)
    assert found is not None
    assert found.ranges is None
    assert found.channel_ranges == [ChannelRange(lowest=found.lowest, highest=found.highest)] * 3


@pytest.mark.parametrize(("channels", "named"), [(1, "features of the"), (3, "features of channel 2 of the")])
def test_outlier_warning(channels: int, named: str) -> None:
    features = standardized()[..., -channels:]
    assert list(check_images(features)) == []
    features[7, 3, 3, -1] = 300
    (warning,) = check_images(features)
    assert warning.reason == "OutliersInImages"
    assert named in warning.message
    assert "to 300," in warning.message


@pytest.mark.parametrize(
    "features",
    [images(0, 200, np.uint8), images(0, 1, np.float32), images(0, 7, np.float32), np.zeros((9, 20), np.float32)],
    ids=["bytes", "unit", "few", "no images"],
)
def test_no_outlier_warning(features: Any) -> None:
    assert list(check_images(features)) == []


@pytest.mark.parametrize(
    ("highs", "lowest", "highest"), [((1, 0.9, 0.7), -1, 1), ((250, 200, 120), 0, 250), ((0.6, 0.5, 0.3), -1, 0.6)]
)
def test_dark_channels_of_scaled_images_share_the_range(
    highs: tuple[float, ...], lowest: float, highest: float
) -> None:
    rng = np.random.default_rng(0)
    features = (rng.random((20, 4, 4, 3)) * (np.array(highs) - lowest) + lowest).astype(np.float32)
    features[0, 0, 0], features[0, 0, 1] = lowest, highs
    image = image_spec(features)
    assert image is not None
    assert image.ranges is None
    assert (image.lowest, image.highest) == pytest.approx((lowest, highest))
