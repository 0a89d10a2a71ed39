"""Converts samples that are images to small images, for the picture of the worst mistakes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epochal_trainer.data.images import image_spec

Array = NDArray[Any]

SIZE = 96
"""Length in pixels of the longer side of each small image."""
_CHANNELS = (1, 3)
_MIN_SIDE = 8
"""Minimum height and width of an image without an axis of channels. Smaller samples are tables or sequences."""
_IMAGE_AXES = 3
_MAX_RATIO = 8
"""Maximum ratio of the longer to the shorter side of an image. Longer samples are sequences."""


def small_images(features: Array, rows: Sequence[int]) -> list[Array]:
    """Return samples as images whose longer side has SIZE pixels; an empty list if the features are no images.

    Samples are images if their shape is (height, width, channels) or (channels, height, width) with 1 or 3 channels. A
    shape (height, width) is an image if the values are bytes, or height and width are equal. Very long or small
    samples are no images.

    Args:
        features: The features of a data set, shape (samples, …).
        rows: Indices of the samples to return.

    Returns:
        Images of shape (height, width, 3) and type uint8.
    """
    axes = _image_axes(features)
    if axes is None or not rows:
        return []
    sides = [features.shape[1:][axis] for axis in axes[:2]]
    # Only the pixels that are shown are read: a large image may take 100 MB.
    ys, xs = (_positions(side, max(sides)) for side in sides)
    images = np.stack([_pick(features[row], axes, ys, xs) for row in rows])
    spec = image_spec(images)
    if spec is None:
        return []
    low, high = (np.array([getattr(channel, end) for channel in spec.channel_ranges]) for end in ("lowest", "highest"))
    scaled = (images.astype(np.float64) - low) / np.where(high > low, high - low, 1)
    pixels = np.round(255 * np.clip(scaled, 0, 1)).astype(np.uint8)
    return list(np.broadcast_to(pixels, (*pixels.shape[:-1], 3)))


def _image_axes(features: Array) -> tuple[int, ...] | None:
    """Return the axes of a sample with height, width and, if it exists, channels; None if samples are no images."""
    shape = features.shape[1:]
    if len(shape) == _IMAGE_AXES and shape[2] in _CHANNELS:
        axes: tuple[int, ...] = (0, 1, 2)
    elif len(shape) == _IMAGE_AXES and shape[0] in _CHANNELS:
        axes = (1, 2, 0)
    elif len(shape) == _IMAGE_AXES - 1 and (features.dtype == np.uint8 or shape[0] == shape[1]):
        axes = (0, 1)
    else:
        return None
    shorter, longer = sorted(shape[axis] for axis in axes[:2])
    is_large = shorter >= _MIN_SIDE or len(axes) == _IMAGE_AXES
    return axes if is_large and longer <= _MAX_RATIO * shorter else None


def _positions(side: int, longer: int) -> Array:
    """Return the indices of the pixels along a side of length `side` that the small image has.

    `longer` is the length of the longer side, which gets SIZE pixels.
    """
    count = max(1, round(SIZE * side / longer))
    return np.arange(count) * side // count


def _pick(image: Array, axes: tuple[int, ...], ys: Array, xs: Array) -> Array:
    """Return the pixels of an image at the rows `ys` and the columns `xs`, in the shape height, width, channels."""
    moved = image[..., np.newaxis] if len(axes) < _IMAGE_AXES else np.moveaxis(image, axes, range(_IMAGE_AXES))
    picked: Array = moved[ys[:, np.newaxis], xs]
    return picked
