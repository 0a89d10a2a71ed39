"""Fits features to the network's input."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from epochal_trainer.data.samples import Samples, format_shape
from epochal_trainer.lib.failures import bad_data


def fit_features(samples: Samples, input_shape: Sequence[int]) -> Samples:
    """Return the samples, with features of shape (samples, *input_shape): a missing trailing axis of 1 is added.

    Raises:
        Failure: ShapeMismatch.
    """
    shape, expected = samples.features.shape[1:], tuple(input_shape)
    if shape == expected:
        return samples
    if (*shape, 1) == expected:
        return replace(samples, features=samples.features[..., np.newaxis])
    raise bad_data(
        "ShapeMismatch",
        f"a sample in {samples.features_name} is {format_shape(shape) or 'a single value'}, but "
        f"spec.network.input.shape is {format_shape(expected)}: {_shape_advice(shape, expected)}",
    )


def _shape_advice(shape: tuple[int, ...], expected: tuple[int, ...]) -> str:
    write = f"write spec.network.input.shape: {[*shape]}"
    if (*expected, 1) == shape:
        return f"{write}, since layers such as Conv2D need the axis of the channels"
    if len(shape) == len(expected) > 2 and (*shape[1:], shape[0]) == expected:  # noqa: PLR2004 - an image has channels
        order = [*range(2, len(shape) + 1), 1]
        return f"{write}, and {{layer: Permute, dims: {order}}} as the first layer, which moves the channels to the end"
    if shape and len(shape) == len(expected) - 1 and (expected[-1] == 1 or shape == expected[:-1]):
        with_axis = f"write spec.network.input.shape: {[*shape, 1]}: an axis of 1 is added"
        return f"the data have no axis of channels, so {with_axis}"
    if math.prod(shape) == math.prod(expected):
        return f"{write}, and {{layer: Reshape, target_shape: {[*expected]}}} as the first layer"
    must = "both must be the same"
    return f"{must} (a trailing axis of 1 is added automatically), so {write}" if shape else must
