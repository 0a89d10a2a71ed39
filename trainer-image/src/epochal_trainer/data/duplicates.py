"""Checks that the data sets of a job share no samples: metrics of samples used in training are too good."""

from collections.abc import Mapping
from itertools import combinations

from epochal_trainer.data.formats.npz_names import ROLE_ARRAYS, Role
from epochal_trainer.data.samples import Array, Samples, row_blocks
from epochal_trainer.lib.failures import Failure, bad_data


def check_distinct_sources(features: Mapping[Role, str]) -> None:
    """Check that no two data sets read the same features, before any data are read.

    The features of a data set are an object's key, and the array's name if the object holds several.

    Raises:
        Failure: DuplicateData.
    """
    for first, second in combinations(features, 2):
        if features[first] == features[second]:
            found = f"{features[first]} holds the samples of spec.data.{first} and of spec.data.{second}"
            raise _duplicate_data(found)


def check_distinct_samples(data_sets: Mapping[Role, Samples]) -> None:
    """Check that no two data sets hold the same features and labels, even in different objects.

    Raises:
        Failure: DuplicateData.
    """
    for first, second in combinations(data_sets, 2):
        a, b = data_sets[first], data_sets[second]
        if _equal_values(a.labels, b.labels) and _equal_values(a.features, b.features):
            raise _duplicate_data(
                f"{a.features_name} of spec.data.{first} and {b.features_name} of spec.data.{second} hold the same "
                "samples"
            )


def _equal_values(a: Array, b: Array) -> bool:
    """Return whether two arrays hold the same values, with samples of any shape."""
    if len(a) != len(b) or a.size != b.size:
        return False

    def block(array: Array, rows: slice) -> Array:  # reshaping a whole array in Fortran order would copy it
        part = array[rows]
        return part.reshape(len(part), -1)

    return all(bool((block(a, rows) == block(b, rows)).all()) for rows in row_blocks(a))


def _duplicate_data(found: str) -> Failure:
    arrays = ", ".join(f"{names.features} and {names.labels}" for names in ROLE_ARRAYS.values())
    return bad_data(
        "DuplicateData",
        f"{found}: metrics of samples that were trained on, or that selected the best epoch, are too good. Each data "
        f"set must have its own samples: use other objects, save {arrays} in one npz file, or split the validation set "
        "off with spec.data.validation.split",
    )
