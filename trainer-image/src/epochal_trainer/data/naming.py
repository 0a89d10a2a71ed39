"""Checks that the class names beside the data match the classes of the network."""

from collections.abc import Iterator, Sequence

from epochal_api.report import Warned

from epochal_trainer.data.class_names import ClassNames
from epochal_trainer.data.labels import VALUES, normalized
from epochal_trainer.data.samples import DataSets
from epochal_trainer.lib.warned import warned


def names_of(data: DataSets, output_shape: Sequence[int | None], loss: str) -> tuple[str, ...]:
    """Return the class names in the order of the output's last axis; empty if they do not fit.

    Args:
        data: The data sets.
        output_shape: Shape of the network's output for one sample; None for an axis of any size.
        loss: Name of the loss, as a Keras class or function.
    """
    given = data.train.class_names
    return () if given is None or _fault(given, output_shape, loss) else given.names


def check_names(data: DataSets, output_shape: Sequence[int | None], loss: str) -> Iterator[Warned]:
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
        found, wanted = next(
            ((f"{one!r} at [{place}]", repr(another)) for place, (one, another) in pairs if one != another),
            (_counted(other), f"{len(given.names):,}"),
        )
        yield warned(
            "ClassNamesDiffer",
            f"{other.source} holds {found}, and {given.source} {wanted}: a class index must mean the same in all parts "
            "of the data, or what is measured is wrong. Make the indices of both from the same list of names",
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
    told = 2 if outputs == 1 else outputs  # one output unit separates two classes
    if len(given.names) != told:
        s = "s" if outputs != 1 else ""
        return f"{found}, and the network, whose output has {outputs:,} unit{s}, tells {told:,} classes apart"
    return None


def _counted(given: ClassNames) -> str:
    return f"{len(given.names):,} name{'s' if len(given.names) != 1 else ''}"
