"""Size, channels and value range of training images, to convert photographs to similar images before inference."""

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
"""Fraction of the values at the lower and at the upper end that may be outliers."""
_OUTLIER_FACTOR = 2.0
"""Minimum factor by which outliers extend the range for a warning: white is then at most middle gray in the training
data."""
_QUANTILE_SAMPLE_SIZE = 2**22
"""Approximate number of values that are sampled to find outliers. They take 32 MiB."""


def image_spec(features: NDArray[Any]) -> ImageSpec | None:
    """Return the size, channels and value range that photographs must have for a network trained on these features.

    Return None if the features are no images: a sample must have the shape height, width, and 1 or 3 channels.
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
    """Yield a warning if a few outliers in training images more than double the range of values from black to white."""
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
                f"{high:.4g}. A ModelServer uses the extremes as black and white in photographs, so photographs look "
                "unlike the training data. Clip the outliers and train again; requests with numbers are not affected",
            )
            return


def _channel_ranges(features: NDArray[Any]) -> list[ChannelRange]:
    """Return the values of black and white: one range for all channels, or a range for each channel.

    The range is 0 to 255 for bytes (0 to the maximum, if it is at most _MAX_FOUR_BITS), 0 to 1 for floats in this
    range, else the extremes of the data. Channels have their own ranges only if they are floats with different
    extremes, as after standardization by channel. Floats without negative values, and floats in [-1, 1] that reach an
    end, have one range.
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
