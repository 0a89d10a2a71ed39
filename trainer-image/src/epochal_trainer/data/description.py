"""Describes a data set in one line for the log."""

import numpy as np

from epochal_trainer.data.arrays import MAX_CLASS_COUNT, Array, format_dtype, format_shape
from epochal_trainer.data.samples import Samples, SourceArray


def describe(samples: Samples) -> str:
    """Return a data set's files, shapes and labels as text: `train-images: 60,000 × 28×28 uint8, 10 classes`."""
    inputs = ", ".join(_describe_input(array) for array in samples.inputs.values())
    labels = [_describe_labels(array.values) for array in samples.outputs.values()]
    if len(labels) > 1:
        labels = [f"{array.source}: {each}" for array, each in zip(samples.outputs.values(), labels, strict=True)]
    weights = ""
    if arrays := [array.values for array in samples.output_weights.values()]:
        low, high = min(array.min() for array in arrays), max(array.max() for array in arrays)
        weights = f", weights from {low:g} to {high:g}"
    return f"{inputs}, {', '.join(labels)}{weights}"


def _describe_input(array: SourceArray) -> str:
    count, shape = f"{len(array.values):,}", format_shape(array.values.shape[1:])
    return f"{array.source}: {count}{f' × {shape}' if shape else ''} {format_dtype(array.values.dtype)}"


def _describe_labels(labels: Array) -> str:
    if labels.shape[1:] not in ((), (1,)):
        return f"labels of {format_shape(labels.shape[1:])} {labels.dtype}"
    if labels.dtype.kind not in "biu":
        return f"one {labels.dtype} number per sample"
    if labels.min() < 0 or labels.max() >= MAX_CLASS_COUNT:
        return f"labels from {labels.min():,} to {labels.max():,}"
    count = int(np.unique(labels).size)
    return f"{count:,} class{'es' if count != 1 else ''}"
