"""The properties that make photographs similar to the images that a network was trained on."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from epochal_api.signature import ChannelRange, ImageSpec
from epochal_api.trainingjob.report import TrainingWarning
from numpy.typing import NDArray

from epochal_trainer.data.arrays import row_blocks
from epochal_trainer.lib.failures import training_warning

_GRAY: Literal[1] = 1
_RGB: Literal[3] = 3
_MAX_BYTE = 255.0
_MAX_FOUR_BITS = 16
"""Greatest value, which is white, of byte images with few levels, such as scikit-learn's digits. Images with greater
bytes are normal images, even dark ones: a model trained on dark images also receives dark ones."""
_UNIT_RANGE = (0.0, 1.0)
_CHANNEL_TOLERANCE = 0.01
"""Maximum difference between channels that share one range, as a fraction of the range: within [-1, 1], some channels
may not reach both ends."""
_OUTLIER_FRACTION = 0.001
"""Fraction of the values that are outliers, at each end."""
_OUTLIER_FACTOR = 2.0
"""Minimum factor by which outliers extend the range for a warning: white is then at most middle gray in the training
data."""
_QUANTILE_SAMPLE_SIZE = 2**22
"""Approximate number of values in the sample for the outliers, which takes 32 MiB for a moment."""


def image_spec(features: NDArray[Any]) -> ImageSpec | None:
    """Return the expected form of photographs if features are images: height, width, and one or three channels.

    Returns:
        The form, or None if the features are no images.
    """
    if len(shape := features.shape[1:]) != 3 or shape[2] not in (_GRAY, _RGB):  # noqa: PLR2004
        return None
    ranges = _channel_ranges(features)
    height, width, channels = shape
    return ImageSpec(
        height=height,
        width=width,
        channels=_GRAY if channels == _GRAY else _RGB,
        lowest=min(channel.lowest for channel in ranges),
        highest=max(channel.highest for channel in ranges),
        ranges=ranges if len(ranges) > 1 else None,
    )


def check_images(features: NDArray[Any]) -> Iterator[TrainingWarning]:
    """Yield a warning if outliers in the features of the training set shift black or white."""
    image = image_spec(features)
    if image is None or features.dtype == np.uint8 or (image.lowest, image.highest) == _UNIT_RANGE:
        return
    sample = features[:: max(features.size // _QUANTILE_SAMPLE_SIZE, 1)]
    quantiles = (_OUTLIER_FRACTION, 1 - _OUTLIER_FRACTION)
    for channel, extremes in enumerate(image.channel_ranges):
        low, high = map(float, np.quantile(sample[..., channel].astype(np.float64), quantiles))
        if extremes.highest - extremes.lowest > _OUTLIER_FACTOR * (high - low) > 0:
            of_channel = f" of channel {channel}" if image.channels > 1 else ""
            yield training_warning(
                "OutliersInImages",
                f"the features{of_channel} of the training set reach from {extremes.lowest:.4g} to "
                f"{extremes.highest:.4g}, but all except {_OUTLIER_FRACTION:.1%} at each end lie between {low:.4g} and "
                f"{high:.4g}. A ModelServer takes the extremes for black and white in photographs, so photographs look "
                "unlike the training data. Clip the outliers and train again; requests with numbers are not affected",
            )
            return


def _channel_ranges(features: NDArray[Any]) -> list[ChannelRange]:
    """Return the values of black and white: one range for all channels, or one per channel if the channels differ.

    The range is the usual range of the type, or else the extremes of the data. Only float channels may have different
    ranges, since floats may be standardized by channel. Values from 0 on, and values that reach one end of [-1, 1],
    have one scale in all channels, of which one may be dark.
    """
    blocks = [features[rows] for rows in row_blocks(features)]
    lows = np.min([block.min((0, 1, 2)) for block in blocks], 0).astype(np.float64)
    highs = np.max([block.max((0, 1, 2)) for block in blocks], 0).astype(np.float64)
    lowest, highest = float(lows.min()), float(highs.max())
    if features.dtype == np.uint8:
        return [ChannelRange(lowest=0.0, highest=_MAX_BYTE if highest > _MAX_FOUR_BITS else highest)]
    is_float = features.dtype.kind == "f"
    if is_float and lowest >= _UNIT_RANGE[0] and highest <= _UNIT_RANGE[1]:
        return [ChannelRange(lowest=_UNIT_RANGE[0], highest=_UNIT_RANGE[1])]
    difference = max(np.ptp(lows), np.ptp(highs))
    scaled = lowest >= 0 or (-lowest <= 1 and highest <= 1 and max(-lowest, highest) >= 1 - _CHANNEL_TOLERANCE)
    if is_float and not scaled and difference > _CHANNEL_TOLERANCE * (highest - lowest):
        return [ChannelRange(lowest=low, highest=high) for low, high in zip(lows.tolist(), highs.tolist(), strict=True)]
    return [ChannelRange(lowest=lowest, highest=highest)]
