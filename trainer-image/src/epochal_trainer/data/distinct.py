"""Whether each data set of a job has samples of its own: figures of samples that were trained on are too good."""

from collections.abc import Mapping
from itertools import combinations

from epochal_trainer.data.formats.npz_names import OWN, Role
from epochal_trainer.data.samples import Array, Samples
from epochal_trainer.lib.failures import Failure, bad_data

BLOCK = 1024**2
"""Elements that are compared at a time, so that arrays which differ early cost little."""


def check_sources(features: Mapping[Role, str]) -> None:
    """Makes sure that no two data sets read the same features, before any are read.

    Args:
        features: The array that each reads, by its object's key, with the array's name where the object holds several.

    Raises:
        Failure: DuplicateData.
    """
    for one, other in combinations(features, 2):
        if features[one] == features[other]:
            raise _duplicate(f"{features[one]} holds the samples of {_field(one)} and of {_field(other)}")


def check_samples(data_sets: Mapping[Role, Samples]) -> None:
    """Makes sure that no two data sets hold the same features and labels, wherever these lie.

    Args:
        data_sets: The data sets.

    Raises:
        Failure: DuplicateData.
    """
    for one, other in combinations(data_sets, 2):
        a, b = data_sets[one], data_sets[other]
        if _same(a.labels, b.labels) and _same(a.features, b.features):
            found = f"{a.features_name} of {_field(one)} and {b.features_name} of {_field(other)} hold the same samples"
            raise _duplicate(found)


def _same(one: Array, other: Array) -> bool:
    """Returns whether two arrays hold the same values, for samples of any shape."""
    if len(one) != len(other) or one.size != other.size:
        return False
    rows = max(1, BLOCK * len(one) // one.size)

    def block(array: Array, begin: int) -> Array:  # an array in Fortran's order is copied to be reshaped
        part = array[begin : begin + rows]
        return part.reshape(len(part), -1)

    return all(bool((block(one, begin) == block(other, begin)).all()) for begin in range(0, len(one), rows))


def _field(role: Role) -> str:
    return f"spec.data.{role}"


def _duplicate(found: str) -> Failure:
    names = ", ".join(f"{names.features} and {names.labels}" for names in OWN.values())
    return bad_data(
        "DuplicateData",
        f"{found}: figures of samples that were trained on, or that chose the best epoch, are too good. Each must have "
        f"samples of its own: name other objects, save {names} in one npz file, or split the validation set off with "
        "spec.data.validation.split",
    )
