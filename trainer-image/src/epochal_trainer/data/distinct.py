"""Checks that the data sets of a job share no samples: metrics of samples used in training are too good."""

from collections.abc import Mapping
from itertools import combinations

from epochal_trainer.data.formats.npz_names import OWN, Role
from epochal_trainer.data.samples import Array, Samples
from epochal_trainer.lib.failures import Failure, bad_data

BLOCK = 1024**2
"""Number of elements to compare at a time, so that a comparison of arrays with an early difference is fast."""


def check_sources(features: Mapping[Role, str]) -> None:
    """Check that no two data sets read the same features, before any data are read.

    Args:
        features: The features of each data set: an object's key, and the array's name if the object holds several.

    Raises:
        Failure: DuplicateData.
    """
    for one, other in combinations(features, 2):
        if features[one] == features[other]:
            raise _duplicate(f"{features[one]} holds the samples of {_field(one)} and of {_field(other)}")


def check_samples(data_sets: Mapping[Role, Samples]) -> None:
    """Check that no two data sets hold the same features and labels, even in different objects.

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
    """Return whether two arrays hold the same values, with samples of any shape."""
    if len(one) != len(other) or one.size != other.size:
        return False
    rows = max(1, BLOCK * len(one) // one.size)

    def block(array: Array, begin: int) -> Array:  # reshaping a whole array in Fortran order would copy it
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
