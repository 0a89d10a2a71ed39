"""Class names in the file of the labels: reads them, and checks that they match the network and the loss."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from epochal_api.signature import MAX_CLASSES, ClassName
from epochal_api.trainingjob.report import TrainingWarning
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter, ValidationError

from epochal_trainer.data.arrays import OutputShape
from epochal_trainer.data.labels import NUMERIC_LOSSES, normalize_name
from epochal_trainer.data.samples import NamesArray
from epochal_trainer.data.training_data import TrainingData
from epochal_trainer.lib.failures import training_warning

MAX_BYTES = 16 * 2**20
"""Maximum size in bytes of an array of class names, checked before it is read: eight times the size of the largest
valid array."""
_NAME: TypeAdapter[str] = TypeAdapter(ClassName, config=ConfigDict(hide_input_in_errors=True))
_MAX_SHOWN = 40
"""Maximum number of characters of a name in a message. A longer name is cut."""


class InvalidNames(Exception):
    """The error for an array of names that is too large or of an unsupported type. The message is the reason."""


def parse_names(values: Sequence[object] | NDArray[Any], source: str) -> NamesArray:
    """Return the names of classes, or of a table's columns, from an array or list.

    The values are texts, or integers, which are converted to text. For invalid names, `error` of the result has the
    reason, and no exception is raised. `source` is the origin of the names for messages.
    """
    if isinstance(values, np.ndarray) and values.ndim != 1:
        return NamesArray(source, error=f"an array of {values.ndim} axes: names must be an array of one axis")
    if len(values) > MAX_CLASSES:
        return NamesArray(source, error=f"{len(values):,} names, but {MAX_CLASSES:,} are the maximum")
    names = []
    for index, value in enumerate(values):
        try:
            names.append(_NAME.validate_python(_decode(value)))
        except (ValidationError, UnicodeDecodeError, TypeError):
            found = ascii(value[:_MAX_SHOWN]) if isinstance(value, str | bytes) else f"a {type(value).__name__}"
            expected = "a name must be 1 to 128 characters of one line, without control characters"
            return NamesArray(source, error=f"{found} at [{index}]: {expected}")
    return NamesArray(source, tuple(names))


def check_names_array(dtype: np.dtype[Any], size: int) -> None:
    """Check the type and the size in bytes of an array of names of classes or columns, before it is read.

    Raises:
        InvalidNames: If the elements are neither text nor integers, or the array is too large.
    """
    if dtype.hasobject:
        raise InvalidNames("Python objects, which are not read: save the names as text, with .astype(str)")
    if dtype.kind not in "USiu":
        raise InvalidNames(f"elements of type {dtype!s:.{_MAX_SHOWN}}: names must be text")
    if size > MAX_BYTES:
        raise InvalidNames(f"{size:,} bytes, but {MAX_BYTES:,} are the maximum")


def _decode(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, np.integer | str):
        return str(value)
    raise TypeError("neither a text nor a number")


def matching_class_names(data: TrainingData, output_shape: OutputShape, loss: str) -> tuple[str, ...]:
    """Return the training set's class names by class index; empty if they are missing or do not fit network or loss."""
    declared = data.train.class_names
    return () if declared is None or _mismatch(declared, output_shape, loss) else declared.names


def check_class_names(data: TrainingData, output_shape: OutputShape, loss: str) -> Iterator[TrainingWarning]:
    """Yield a warning if the training set's class names do not fit network and loss, or differ in another data set.

    The model gets no class names that do not fit.
    """
    declared = data.train.class_names
    if declared is None:
        return
    if mismatch := _mismatch(declared, output_shape, loss):
        yield training_warning(
            "ClassNamesUnused",
            f"{declared.source} holds {mismatch}. The model gets no class names: correct them, or set spec.classes of "
            "the ModelServer",
        )
        return
    for samples in (data.validation, data.test):
        other = samples.class_names if samples is not None else None
        if other is None or other.error or other.names == declared.names:
            continue
        pairs = enumerate(zip(other.names, declared.names, strict=False))
        found, expected = next(
            ((f"{name!r} at [{index}]", repr(expected)) for index, (name, expected) in pairs if name != expected),
            (_format_count(other), f"{len(declared.names):,}"),
        )
        yield training_warning(
            "ClassNamesDiffer",
            f"{other.source} holds {found}, but {declared.source} {expected}: a class index must mean the same class "
            "in all data sets, or their metrics are wrong. Encode the labels of both with the same list of names",
        )
        return


def _mismatch(declared: NamesArray, output_shape: OutputShape, loss: str) -> str | None:
    """Return why class names do not fit network and loss, or are invalid; None if they fit."""
    if declared.error:
        return declared.error
    found = _format_count(declared)
    if normalize_name(loss) in NUMERIC_LOSSES:
        return f"{found}, but {loss} compares numbers, not classes"
    outputs = output_shape[-1] if output_shape else None
    if outputs is None:
        return f"{found}, but the network's output has no fixed number of classes"
    classes = 2 if outputs == 1 else outputs  # one output unit separates two classes
    if len(declared.names) != classes:
        s = "s" if outputs != 1 else ""
        return f"{found}, but the network's output has {outputs:,} unit{s}, for {classes:,} classes"
    return None


def _format_count(declared: NamesArray) -> str:
    return f"{len(declared.names):,} class name{'s' if len(declared.names) != 1 else ''}"
