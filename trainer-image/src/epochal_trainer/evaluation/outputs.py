"""The outputs of a network as a value for each class."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Scale = Literal["probabilities", "shares", "logits", "scores"]
"""The kind of a network's outputs: probabilities; positive numbers that the loss divides by their sum; logits; or other
scores, whose highest is the answer."""


def class_values(outputs: Array, scale: Scale) -> Array:
    """Return a value for each class, probabilities except for scores. The highest is the answer.

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
