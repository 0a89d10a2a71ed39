"""How photographs have to look to be like the images that a network was trained on."""

from typing import Any, Literal

import numpy as np
from epochal_api.signature import ImageSpec
from numpy.typing import NDArray

_GRAY: Literal[1] = 1
_COLOURS: Literal[3] = 3
_BRIGHTEST = 255.0
_FOUR_BITS = 16
"""The greatest in bytes of few levels, such as scikit-learn's digits: it stands for white. Bytes that go beyond it are
pixels of whatever light: who trains on dark pictures sends dark ones, too."""
BLOCK = 1024
"""Samples that are looked through at a time."""


def image_of(features: NDArray[Any]) -> ImageSpec | None:
    """Returns how photographs have to look, if features are images: of height, width, and one channel or three.

    Args:
        features: Those of the training set, of shape (samples, …).
    """
    if len(shape := features.shape[1:]) != 3 or shape[2] not in (_GRAY, _COLOURS):  # noqa: PLR2004
        return None
    lowest, highest = _range(features)
    height, width, channels = shape
    return ImageSpec(
        height=height,
        width=width,
        channels=_GRAY if channels == _GRAY else _COLOURS,
        lowest=lowest,
        highest=highest,
    )


def _range(features: NDArray[Any]) -> tuple[float, float]:
    """Returns what black and white are: what such numbers mostly mean, or else what is found."""
    blocks = [features[begin : begin + BLOCK] for begin in range(0, len(features), BLOCK)]
    lowest = float(min(block.min() for block in blocks))
    highest = float(max(block.max() for block in blocks))
    if features.dtype == np.uint8:
        return 0.0, _BRIGHTEST if highest > _FOUR_BITS else highest
    if features.dtype.kind == "f" and lowest >= 0.0 and highest <= 1.0:
        return 0.0, 1.0
    return lowest, highest
