"""Checks that no two data sets of a job (train, validation, test) are the same data."""

from collections.abc import Mapping
from itertools import combinations

from epochal_api.array_names import Role

from epochal_trainer.data.arrays import TEXT_KINDS, Array, row_blocks
from epochal_trainer.data.formats.npz_names import ROLES, join_and
from epochal_trainer.data.network_arrays import NetworkArrays
from epochal_trainer.data.samples import Samples, SourceArray
from epochal_trainer.data.texts import as_characters
from epochal_trainer.lib.failures import Failure, bad_data


def check_distinct_sources(features: Mapping[Role, str], network: NetworkArrays) -> None:
    """Check that no two data sets read their features from the same array, before the array is read.

    `features` has for each data set the key of the object with its features, and the array's name if the object has
    several arrays. For a network with several inputs, it is the array of the first input.

    Raises:
        Failure: DuplicateData.
    """
    for first, second in combinations(features, 2):
        if features[first] == features[second]:
            found = f"{features[first]} holds the samples of spec.data.{first} and of spec.data.{second}"
            raise _duplicate_data(found, network)


def check_distinct_samples(data_sets: Mapping[Role, Samples], network: NetworkArrays) -> None:
    """Check that no two data sets have equal arrays of all inputs and outputs, even in different objects.

    Raises:
        Failure: DuplicateData.
    """
    for first, second in combinations(data_sets, 2):
        a, b = data_sets[first], data_sets[second]
        pairs = [(group_a[name], group_b[name]) for group_a, group_b in _groups(a, b) for name in group_a]
        if all(_equal_values(one.values, other.values) for one, other in pairs):
            sources = next(iter(a.inputs.values())).source, next(iter(b.inputs.values())).source
            raise _duplicate_data(
                f"{sources[0]} of spec.data.{first} and {sources[1]} of spec.data.{second} hold the same samples",
                network,
            )


def _groups(a: Samples, b: Samples) -> list[tuple[Mapping[str, SourceArray], Mapping[str, SourceArray]]]:
    """Return the pairs of outputs and of inputs to compare: outputs first, which are smaller and differ more often."""
    return [(a.outputs, b.outputs), (a.inputs, b.inputs)]


def _equal_values(a: Array, b: Array) -> bool:
    """Return whether two arrays have the same values in the same order. The shapes of their samples may differ."""
    if len(a) != len(b) or a.size != b.size:
        return False
    is_mixed_text = a.dtype.kind in TEXT_KINDS and a.dtype.kind != b.dtype.kind

    def block(array: Array, rows: slice) -> Array:  # reshaping a whole array in Fortran order would copy it
        part = as_characters(array[rows]) if is_mixed_text else array[rows]
        return part.reshape(len(part), -1)

    return all(bool((block(a, rows) == block(b, rows)).all()) for rows in row_blocks(a))


def _duplicate_data(found: str, network: NetworkArrays) -> Failure:
    if network.is_single:
        arrays = ", ".join(join_and(network.array_names(role)[0].required) for role in ROLES)
    else:
        arrays = f"{join_and(network.array_names('train')[0].required)}, and the same names with _val and _test,"
    return bad_data(
        "DuplicateData",
        f"{found}: metrics of samples that were trained on, or that selected the best epoch, are too good. Each data "
        f"set must have its own samples: use other objects, save {arrays} in one npz file, or split the validation set "
        "off with spec.data.validation.split",
    )
