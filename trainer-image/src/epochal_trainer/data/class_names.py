"""Class names beside the labels, which explain the class indices to users: read, and checked against the network."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from epochal_api.signature import MAX_CLASSES, ClassName
from epochal_api.trainingjob.report import TrainingWarning
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter, ValidationError

from epochal_trainer.data.labels import VALUES, normalized
from epochal_trainer.data.samples import ClassNames, DataSets
from epochal_trainer.lib.failures import warned

MOST_BYTES = 16 * 2**20
"""Maximum size in bytes of an array of class names, checked before it is read: eight times the size of the largest
valid array."""
_NAME: TypeAdapter[str] = TypeAdapter(ClassName, config=ConfigDict(hide_input_in_errors=True))
_SHOWN = 40
"""Maximum number of characters of a name in a message."""


def class_names(values: Sequence[object] | NDArray[Any], source: str) -> ClassNames:
    """Return class names or their error. Invalid names never end a training.

    Args:
        values: Texts, or integers to use as texts.
        source: Source of the names.
    """
    if isinstance(values, np.ndarray) and values.ndim != 1:
        return ClassNames(source, fault=f"an array of {values.ndim} axes: names must be one after another, in one axis")
    if len(values) > MAX_CLASSES:
        return ClassNames(source, fault=f"{len(values):,} names, and {MAX_CLASSES:,} are the most")
    names = []
    for place, value in enumerate(values):
        try:
            names.append(_NAME.validate_python(_text(value)))
        except (ValidationError, UnicodeDecodeError, TypeError):
            found = ascii(value[:_SHOWN]) if isinstance(value, str | bytes) else f"a {type(value).__name__}"
            expected = "a name must be 1 to 128 characters of one line, none of which is a control character"
            return ClassNames(source, fault=f"{found} at [{place}]: {expected}")
    return ClassNames(source, tuple(names))


def unreadable(dtype: np.dtype[Any], size: int) -> str | None:
    """Return the reason why an array of class names cannot be read, or None if it can.

    Args:
        dtype: Type of its elements.
        size: Size of the array in bytes.
    """
    if dtype.hasobject:
        return "Python objects, which are not read: save them as text, class_names.astype(str)"
    if dtype.kind not in "USiu":
        return f"elements of type {dtype!s:.{_SHOWN}}: names must be text"
    if size > MOST_BYTES:
        return f"{size:,} bytes: {MOST_BYTES:,} are the most"
    return None


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, np.integer | str):
        return str(value)
    raise TypeError("neither a text nor a number")


def names_of(data: DataSets, output_shape: Sequence[int | None], loss: str) -> tuple[str, ...]:
    """Return the class names in the order of the output's last axis; empty if they do not fit.

    Args:
        data: The data sets.
        output_shape: Shape of the network's output for one sample; None for an axis of any size.
        loss: Name of the loss, as a Keras class or function.
    """
    given = data.train.class_names
    return () if given is None or _fault(given, output_shape, loss) else given.names


def check_class_names(data: DataSets, output_shape: Sequence[int | None], loss: str) -> Iterator[TrainingWarning]:
    """Yield warnings about class names that do not fit. The model is served without them.

    Args:
        data: The data sets.
        output_shape: Shape of the network's output for one sample; None for an axis of any size.
        loss: Name of the loss, as a Keras class or function.
    """
    given = data.train.class_names
    if given is None:
        return
    if fault := _fault(given, output_shape, loss):
        yield warned(
            "ClassNamesUnused",
            f"{given.source} holds {fault}. The model bears no names of classes: mend them, or name them in "
            "spec.classes of the ModelServer",
        )
        return
    for samples in (data.validation, data.test):
        other = samples.class_names if samples is not None else None
        if other is None or other.fault or other.names == given.names:
            continue
        pairs = enumerate(zip(other.names, given.names, strict=False))
        found, expected = next(
            ((f"{name!r} at [{place}]", repr(right)) for place, (name, right) in pairs if name != right),
            (_counted(other), f"{len(given.names):,}"),
        )
        yield warned(
            "ClassNamesDiffer",
            f"{other.source} holds {found}, and {given.source} {expected}: a class index must mean the same in all "
            "parts of the data, or what is measured is wrong. Make the indices of both from the same list of names",
        )
        return


def _fault(given: ClassNames, output_shape: Sequence[int | None], loss: str) -> str | None:
    """Return a description of names that do not fit, and of the expected names; None if they fit."""
    if given.fault:
        return given.fault
    found = _counted(given)
    if normalized(loss) in VALUES:
        return f"{found}, and {loss} compares numbers, not classes"
    outputs = output_shape[-1] if output_shape else None
    if outputs is None:
        return f"{found}, and how many classes the network tells apart is not known from its output"
    classes = 2 if outputs == 1 else outputs  # one output unit separates two classes
    if len(given.names) != classes:
        s = "s" if outputs != 1 else ""
        return f"{found}, and the network, whose output has {outputs:,} unit{s}, tells {classes:,} classes apart"
    return None


def _counted(given: ClassNames) -> str:
    return f"{len(given.names):,} name{'s' if len(given.names) != 1 else ''}"
