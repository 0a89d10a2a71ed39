"""The properties that make photographs similar to the images that a network was trained on."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from epochal_api.signature import ChannelRange, ImageSpec
from epochal_api.trainingjob.report import TrainingWarning
from numpy.typing import NDArray

from epochal_trainer.lib.failures import warned

_GRAY: Literal[1] = 1
_COLOURS: Literal[3] = 3
_BRIGHTEST = 255.0
_FOUR_BITS = 16
"""Maximum of byte images with few levels, such as scikit-learn's digits, for which it means white. Images with greater
bytes are normal images, even dark ones: a model trained on dark images also receives dark ones."""
BLOCK = 1024
"""Number of samples in a block of the search for extremes."""
_UNIT = (0.0, 1.0)
_ALIKE = 0.01
"""Maximum difference between channels that share one range, as a fraction of the range: within [-1, 1], some channels
may not reach both ends."""
_RARE = 0.001
"""Fraction of the values that are outliers, at each end."""
_FAR = 2.0
"""Minimum factor by which outliers extend the range for a warning: white is then at most middle gray in the training
data."""
_LOOKED_AT = 2**22
"""Approximate number of values in the sample for the outliers, which takes 32 MiB for a moment."""


def image_of(features: NDArray[Any]) -> ImageSpec | None:
    """Return the expected form of photographs if features are images: height, width, and one or three channels.

    Args:
        features: Features of the training set, of shape (samples, …).

    Returns:
        The form, or None if the features are no images.
    """
    if len(shape := features.shape[1:]) != 3 or shape[2] not in (_GRAY, _COLOURS):  # noqa: PLR2004
        return None
    ranges = _ranges(features)
    height, width, channels = shape
    return ImageSpec(
        height=height,
        width=width,
        channels=_GRAY if channels == _GRAY else _COLOURS,
        lowest=min(each.lowest for each in ranges),
        highest=max(each.highest for each in ranges),
        ranges=ranges if len(ranges) > 1 else None,
    )


def check_images(features: NDArray[Any]) -> Iterator[TrainingWarning]:
    """Yield a warning if outliers in the features shift black or white.

    Args:
        features: Features of the training set, of shape (samples, …).
    """
    image = image_of(features)
    if image is None or features.dtype == np.uint8 or (image.lowest, image.highest) == _UNIT:
        return
    seen = features[:: max(features.size // _LOOKED_AT, 1)]
    for channel, found in enumerate(image.channel_ranges):
        low, high = (float(at) for at in np.quantile(seen[..., channel].astype(np.float64), (_RARE, 1 - _RARE)))
        if found.highest - found.lowest > _FAR * (high - low) > 0:
            where = f" of channel {channel}" if image.channels > 1 else ""
            yield warned(
                "OutliersInImages",
                f"the features{where} of the training set reach from {found.lowest:.4g} to {found.highest:.4g}, but "
                f"all except {_RARE:.1%} at each end lie between {low:.4g} and {high:.4g}. A ModelServer takes the "
                "extremes for black and white in photographs, so photographs look unlike the training data. Clip the "
                "outliers and train again; requests with numbers are not affected",
            )
            return


def _ranges(features: NDArray[Any]) -> list[ChannelRange]:
    """Return the values of black and white: one range for all channels, or one per channel if the channels differ.

    The range is the usual range of the type, or else the extremes of the data. Only float channels may have different
    ranges, since floats may be standardized by channel. Values from 0 on, and values that reach one end of [-1, 1],
    have one scale in all channels, of which one may be dark.
    """
    blocks = [features[begin : begin + BLOCK] for begin in range(0, len(features), BLOCK)]
    lows = np.min([block.min((0, 1, 2)) for block in blocks], 0).astype(np.float64)
    highs = np.max([block.max((0, 1, 2)) for block in blocks], 0).astype(np.float64)
    lowest, highest = float(lows.min()), float(highs.max())
    if features.dtype == np.uint8:
        return [ChannelRange(lowest=0.0, highest=_BRIGHTEST if highest > _FOUR_BITS else highest)]
    if features.dtype.kind == "f" and lowest >= _UNIT[0] and highest <= _UNIT[1]:
        return [ChannelRange(lowest=_UNIT[0], highest=_UNIT[1])]
    scaled = lowest >= 0 or (-lowest <= 1 and highest <= 1 and max(-lowest, highest) >= 1 - _ALIKE)
    if features.dtype.kind == "f" and not scaled and max(np.ptp(lows), np.ptp(highs)) > _ALIKE * (highest - lowest):
        return [ChannelRange(lowest=low, highest=high) for low, high in zip(lows.tolist(), highs.tolist(), strict=True)]
    return [ChannelRange(lowest=lowest, highest=highest)]
