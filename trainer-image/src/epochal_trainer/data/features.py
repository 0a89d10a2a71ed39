"""Checks that the shape of features matches an input of the network, and adds a missing axis."""

import math
from collections.abc import Sequence

import numpy as np

from epochal_trainer.data.arrays import format_shape, matches_shape
from epochal_trainer.data.samples import Samples
from epochal_trainer.lib.failures import bad_data


def match_features(
    samples: Samples,
    input_shape: Sequence[int | None],
    field: str = "spec.network.input",
    *,
    is_described: bool = True,
) -> Samples:
    """Return the samples with features of shape (samples, *input_shape). A missing trailing axis of 1 is added.

    Args:
        samples: The data set, with a single input.
        input_shape: Shape of the input for one sample; None is an axis of any length.
        field: The input in messages: a field of the spec if `is_described`, else the name of the input.
        is_described: Whether the spec has a field for the shape of the input, which the user can then change.

    Raises:
        Failure: ShapeMismatch, with advice on the shape or a layer to add.
    """
    shape, expected = samples.features.shape[1:], tuple(input_shape)
    if matches_shape(shape, expected):
        return samples
    if matches_shape((*shape, 1), expected):
        return samples.with_features(samples.features[..., np.newaxis])
    found = f"a sample in {samples.features_source} is {format_shape(shape) or 'a single value'}"
    wanted = format_shape(expected) or "[]"
    if not is_described:
        must = "the data must have the shape of the input (a trailing axis of 1 is added automatically)"
        raise bad_data("ShapeMismatch", f"{found}, but {field} takes {wanted}: {must}")
    advice = _shape_advice(shape, expected, field)
    raise bad_data("ShapeMismatch", f"{found}, but {field}.shape is {wanted}: {advice}")


def _shape_advice(shape: tuple[int, ...], expected: tuple[int | None, ...], field: str) -> str:
    write = f"write {field}.shape: {[*shape]}"
    if matches_shape(shape, (*expected, 1)):
        return f"{write}, since layers such as Conv2D need the axis of the channels" if expected else write
    if len(shape) == len(expected) > 2 and matches_shape((*shape[1:], shape[0]), expected):  # noqa: PLR2004 - an image
        order = [*range(2, len(shape) + 1), 1]
        return f"{write}, and {{layer: Permute, dims: {order}}} as the first layer, which moves the channels to the end"
    if shape and len(shape) == len(expected) - 1 and (expected[-1] == 1 or shape == expected[:-1]):
        with_axis = f"write {field}.shape: {[*shape, 1]}: an axis of 1 is added"
        return f"the data have no axis of channels, so {with_axis}"
    sizes = [size for size in expected if size is not None]
    if len(sizes) == len(expected) and math.prod(shape) == math.prod(sizes):
        return f"{write}, and {{layer: Reshape, target_shape: {sizes}}} as the first layer"
    must = "both shapes must be the same"
    return f"{must} (a trailing axis of 1 is added automatically), so {write}" if shape else must
