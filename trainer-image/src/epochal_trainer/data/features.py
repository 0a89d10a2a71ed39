"""Checks that features fit the network's input."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from epochal_trainer.data.samples import Samples, shaped
from epochal_trainer.lib.failures import bad_data


def check_features(samples: Samples, input_shape: Sequence[int]) -> Samples:
    """Check that features fit the network's input. If only a trailing axis of 1 is missing, add that axis.

    Args:
        samples: The data set.
        input_shape: Shape of one sample, as in spec.network.input.

    Returns:
        The data set, with features of shape (samples, *input_shape).

    Raises:
        Failure: ShapeMismatch.
    """
    shape, expected = samples.features.shape[1:], tuple(input_shape)
    if shape == expected:
        return samples
    found = shaped(shape) or "a single value"
    if (*shape, 1) == expected:
        return replace(samples, features=samples.features[..., np.newaxis])
    raise bad_data(
        "ShapeMismatch",
        f"a sample in {samples.features_name} is {found}, and spec.network.input.shape says {shaped(expected)}: "
        f"{_advice(shape, expected)}",
    )


def _advice(shape: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """Return advice about samples with another shape than the network's input."""
    takes = f"write spec.network.input.shape: {[*shape]}"
    if (*expected, 1) == shape:
        return f"{takes}, since layers such as Conv2D need the axis of the channels"
    if len(shape) == len(expected) > 2 and (*shape[1:], shape[0]) == expected:  # noqa: PLR2004 - an image has channels
        order = [*range(2, len(shape) + 1), 1]
        return f"{takes}, and {{layer: Permute, dims: {order}}} as the first layer, which moves the channels to the end"
    if shape and len(shape) == len(expected) - 1 and (expected[-1] == 1 or shape == expected[:-1]):
        added = f"write spec.network.input.shape: {[*shape, 1]}: an axis of 1 is added"
        return f"the data have no axis of channels, so {added}"
    if math.prod(shape) == math.prod(expected):
        return f"{takes}, and {{layer: Reshape, target_shape: {[*expected]}}} as the first layer"
    must = "they must be the same"
    return f"{must} (a trailing axis of 1 is added by itself), so {takes}" if shape else must
