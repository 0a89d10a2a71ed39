"""The notation of Keras objects in a TrainingJob, where it differs from the notation in Python code."""

from collections.abc import Mapping
from typing import Any

WRAPPED = "wrapped"
"""Name in a TrainingJob for the argument of wrapper layers that Keras calls `layer`."""
CHOSEN_BY_KERAS = ("acc", "accuracy", "ce", "crossentropy")
"""Metric names for which Keras chooses a class by the shapes of labels and outputs."""
CALLBACK_PATHS: Mapping[str, str] = {
    "BackupAndRestore": "backup_dir",
    "CSVLogger": "filename",
    "ModelCheckpoint": "filepath",
    "TensorBoard": "log_dir",
}
"""By callback class: the argument that is a path, relative to the results folder of the job."""
TENSORBOARD_PATH = "logs"
"""Keras' default for the path of TensorBoard."""


def as_float(value: Any) -> Any:
    """Return a value with integers converted to floats, also in lists. Booleans and all other values are unchanged.

    The API server writes 0.0 as 0. Without this conversion, Keras would compute with integers or fail.
    """
    if isinstance(value, list):
        return [as_float(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:  # Keras rejects a number that is too large for a float
            return value
    return value
