"""Converts the outputs of a network to a probability or score for each class."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Scale = Literal["probabilities", "shares", "logits", "scores"]
"""The kind of a network's outputs: probabilities; shares, positive numbers that the loss divides by their sum; logits;
or other scores. The highest output is the predicted class."""


def class_values(outputs: Array, scale: Scale) -> Array:
    """Return for each sample and class a probability, or the score for the scale `scores`.

    The class with the highest value is the predicted class.

    Args:
        outputs: Outputs of the network, shape (samples, units). A single unit separates two classes.
        scale: The kind of the outputs.

    Returns:
        The values, of shape (samples, classes), or (samples, 2) for a single unit.
    """
    single = outputs.shape[1] == 1
    if scale == "scores":
        return np.concatenate([-outputs, outputs], axis=1) if single else outputs
    if scale == "logits":
        # tanh does not overflow, and exponents are at most 0.
        outputs = (1 + np.tanh(outputs / 2)) / 2 if single else np.exp(outputs - outputs.max(axis=1, keepdims=True))
    if not single and scale != "probabilities":
        sums = outputs.sum(axis=1, keepdims=True)
        outputs = outputs / np.where(sums > 0, sums, 1)
    outputs = np.clip(outputs, 0, 1)  # rounding may exceed 1
    return np.concatenate([1 - outputs, outputs], axis=1) if single else outputs
