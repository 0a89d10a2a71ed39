"""Converts Keras metrics to torch functions. Each function returns the mean of the metric over a batch."""

from collections.abc import Mapping
from typing import Any

from epochal.exporters.torch.training.losses import LossCode

_SOURCES: Mapping[str, str] = {
    "sparse_categorical_accuracy": '''
def sparse_categorical_accuracy(output, target):
    """Return the share of samples whose class index is the most likely class."""
    return (output.argmax(dim=-1) == target.reshape(output.shape[:-1])).float().mean()
''',
    "categorical_accuracy": '''
def categorical_accuracy(output, target):
    """Return the share of samples whose one-hot row has the most likely class."""
    return (output.argmax(dim=-1) == target.argmax(dim=-1)).float().mean()
''',
    "binary_accuracy": '''
def binary_accuracy(output, target):
    """Return the share of right labels, with the threshold 0.5."""
    return ((output > 0.5) == target.reshape(output.shape)).float().mean()
''',
    "absolute_error": '''
def absolute_error(output, target):
    """Return the mean absolute error."""
    return (output - target.reshape(output.shape)).abs().mean()
''',
    "squared_error": '''
def squared_error(output, target):
    """Return the mean squared error."""
    return (output - target.reshape(output.shape)).square().mean()
''',
}
_FUNCTIONS: Mapping[str, str] = {
    "binary_accuracy": "binary_accuracy",
    "categorical_accuracy": "categorical_accuracy",
    "mae": "absolute_error",
    "mean_absolute_error": "absolute_error",
    "mean_squared_error": "squared_error",
    "mse": "squared_error",
    "sparse_categorical_accuracy": "sparse_categorical_accuracy",
}
_CLASSES: Mapping[str, str] = {
    "BinaryAccuracy": "binary_accuracy",
    "CategoricalAccuracy": "categorical_accuracy",
    "MeanAbsoluteError": "mean_absolute_error",
    "MeanSquaredError": "mean_squared_error",
    "SparseCategoricalAccuracy": "sparse_categorical_accuracy",
}
"""The name of each metric class in the logs of train.py."""


def metric_function(
    name: str, arguments: Mapping[str, Any], loss: LossCode, units: int | None
) -> tuple[str, str] | None:
    """Return a metric's name in the logs of train.py, and the name of its function; None without a counterpart.

    Args:
        name: Its name in the spec.
        arguments: Its arguments.
        loss: The loss of the same output: it decides which accuracy the name accuracy means.
        units: Size of the last axis of this output; None if unknown.
    """
    if arguments:
        return None
    if name.lower() in {"accuracy", "acc"} and name != "Accuracy":
        if loss.is_sparse:
            return name, "sparse_categorical_accuracy"
        return name, "categorical_accuracy" if loss.is_categorical or (units or 1) > 1 else "binary_accuracy"
    shown = _CLASSES.get(name, name)
    function = _FUNCTIONS.get(shown.lower())
    return (shown, function) if function else None


def metric_source(function: str) -> str:
    """Return the source code of a metric function."""
    return _SOURCES[function].strip("\n")
