"""Downloads the data sets of a TrainingJob into memory, with advice for objects that do not exist."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np
from epochal_api.array_names import Role
from epochal_api.storage import Data, DataSet
from epochal_api.trainingjob.training import Training

from epochal_trainer.data.arrays import first_index, format_shape, row_blocks
from epochal_trainer.data.duplicates import check_distinct_samples, check_distinct_sources
from epochal_trainer.data.formats.registry import FORMATS, ArrayReader, detect_format, join_or
from epochal_trainer.data.memory import MemoryBudget
from epochal_trainer.data.network_arrays import SINGLE, NetworkArrays
from epochal_trainer.data.samples import Samples, SourceArray
from epochal_trainer.data.source import DataFile
from epochal_trainer.data.split import split_parameters, split_samples
from epochal_trainer.data.training_data import TrainingData
from epochal_trainer.lib.failures import Failure, bad_data
from epochal_trainer.storage import Bucket, suggestions

_IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
"""Suffixes of image files. A folder with such files gets special advice, since the trainer cannot read it."""
_MAX_NAMES = 8
"""Maximum number of array names in the advice how to save them."""


def load(
    data: Data,
    bucket: Bucket,
    folder: Path,
    memory: MemoryBudget,
    *,
    training: Training,
    network: NetworkArrays = SINGLE,
    prepare: Callable[[Samples], Samples] = lambda samples: samples,
) -> TrainingData:
    """Download, read and check the training, validation and test set, and return them.

    With spec.data.validation.split, the validation set is a part of the training set.

    Args:
        data: spec.data: the objects of the data sets and their format.
        bucket: The data bucket.
        folder: Folder for temporary copies, which are deleted before this function returns.
        memory: Memory budget of all arrays.
        training: spec.training, whose seed determines the random draw of validation samples.
        network: The inputs and outputs of the network, each of which needs an array.
        prepare: Called with each data set before the split: checks that it fits the network, and returns it in the
            form that the network accepts.

    Raises:
        Failure: A failure of the bucket or of `prepare`. DuplicateData, if two sets have the same samples. EmptyData,
            LengthMismatch, NonFiniteData or InvalidLabels. From the formats: UnknownFormat, MissingArrays,
            UnreadArrays, UnsafePickle, UnsupportedType, TruncatedData, DamagedData or DataTooLarge.
    """
    specs: dict[Role, DataSet] = {"train": data.train}
    if data.validation and (validation := data.validation.data_set):
        specs["validation"] = validation
    if data.test:
        specs["test"] = data.test

    for role, spec in specs.items():
        _check_objects(role, spec, network)
    check_distinct_sources({role: spec.features for role, spec in specs.items() if spec.features is not None}, network)
    keys = dict.fromkeys(key for spec in specs.values() for key in spec.keys())  # noqa: SIM118 - no dict
    for key in keys:
        check_object(bucket, data, key)
    files, digests = {}, {}
    try:
        for number, key in enumerate(keys):
            files[key] = DataFile(key, folder / f"data-{number}")
            digests[data.prefix + key] = bucket.download(data.prefix + key, files[key].path)
        sets: dict[Role, Samples] = {}
        for role in specs:
            if role not in sets:
                read = _read(data, files, role, specs, memory, network=network)
                sets |= {other: prepare(_check_arrays(samples)) for other, samples in read.items()}
    finally:
        for file in files.values():
            file.path.unlink(missing_ok=True)

    check_distinct_samples(sets, network)
    train, held_out = sets["train"], sets.get("validation")
    if data.validation and (fraction := data.validation.split) is not None:
        drawn = {"shuffle": data.shuffle, "stratify": data.validation.stratify}
        train, held_out = split_samples(train, float(fraction), training=training, **drawn)
    return TrainingData(train, held_out, sets.get("test"), digests, split_parameters(data, training))


def _read(
    data: Data,
    files: dict[str, DataFile],
    role: Role,
    specs: dict[Role, DataSet],
    memory: MemoryBudget,
    *,
    network: NetworkArrays,
) -> dict[Role, Samples]:
    """Read a data set, and all other data sets that spec.data reads from the same object."""
    spec = specs[role]
    if spec.object is not None:
        file = files[spec.object]
        name = detect_format(file, data.format)
        if (read := FORMATS[name].read_sets) is None:
            advice = f"set two objects in spec.data.{role}: features and labels"
            raise bad_data("MissingArrays", f"{file.name} is {name} and holds one array: {advice}")
        if not FORMATS[name].names_arrays and (needs := _needs_names(network)):
            raise bad_data("MissingArrays", f"{file.name} is {name}, whose arrays have no names, but {needs}")
        roles = [other for other, other_spec in specs.items() if other_spec.object == spec.object]
        return read(file, roles, memory, specs.keys() - roles, network)
    features, labels = (files[key] for key in spec.keys())  # noqa: SIM118 - no dict
    read_features, read_labels = (_array_reader(file, data, role) for file in (features, labels))
    arrays = (read_features(features, memory), read_labels(labels, memory))
    samples = Samples.single(*arrays, features.name, labels.name)
    return {role: samples.with_names(network.inputs[0], network.outputs[0])}


def _check_objects(role: Role, spec: DataSet, network: NetworkArrays) -> None:
    """Refuse a data set in two objects, features and labels, if the network needs arrays with names (npz).

    Raises:
        Failure: MissingArrays.
    """
    if spec.object is None and (needs := _needs_names(network)):
        raise bad_data("MissingArrays", f"spec.data.{role} has two objects, features and labels, but {needs}")


def _needs_names(network: NetworkArrays) -> str:
    """Return why a network needs arrays with names (npz), and how to save them; "" if it needs no names."""
    if network.is_single:
        save = "x=TEXTS, y=LABELS" if network.texts else ""
        found = "the input has dtype: string, which only npz can hold"
    else:
        save = f"**{{{', '.join(f'{name!r}: …' for name in network.names[:_MAX_NAMES])}}}"
        found = f"the network has {len(network.inputs)} inputs and {len(network.outputs)} outputs"
    return save and f'{found}: save all arrays as one object with numpy.savez("train.npz", {save}), and use that object'


def _array_reader(file: DataFile, data: Data, role: Role) -> ArrayReader:
    name = detect_format(file, data.format)
    if (read := FORMATS[name].read_array) is None:
        formats = join_or(name for name, known in FORMATS.items() if known.read_array)
        raise bad_data(
            "UnknownFormat",
            f"{file.name} is {name}, but separate objects of features and labels must be {formats}: "
            f"use spec.data.{role}.object if it holds both",
        )
    return read


def _check_arrays(samples: Samples) -> Samples:
    arrays = [*samples.inputs.values(), *samples.outputs.values()]
    for array in arrays:
        if array.values.ndim == 0:
            must = "the first axis of an array must be that of the samples"
            raise bad_data("ShapeMismatch", f"{array.source} is a single value: {must}")
        if array.values.size == 0:
            shape = f"{format_shape(array.values.shape)} {array.values.dtype}"
            raise bad_data("EmptyData", f"{array.source} is empty, {shape}: it must hold data")
    first, *others = arrays
    for other in others:
        if len(first.values) != len(other.values):
            raise bad_data(
                "LengthMismatch",
                f"{first.source} holds {len(first.values):,} samples and {other.source} {len(other.values):,}: both "
                "must hold the same number of samples",
            )
    for array in arrays:
        _check_finite(array)
    # All outputs still have the same weights.
    if (weights := next(iter(samples.output_weights.values()), None)) is not None:
        if weights.values.shape[:1] != first.values.shape[:1]:
            raise bad_data(
                "LengthMismatch",
                f"{weights.source} is {format_shape(weights.values.shape) or 'a single value'}, but "
                f"{arrays[-1].source} holds {len(first.values):,} samples: there must be one weight for each sample",
            )
        _check_finite(weights)
    return samples


def _check_finite(array: SourceArray) -> None:
    if array.values.dtype.kind != "f":
        return
    for rows in row_blocks(array.values):
        finite = np.isfinite(array.values[rows])
        if not finite.all():
            row, *rest = first_index(~finite)
            index = [rows.start + row, *rest]
            raise bad_data(
                "NonFiniteData",
                f"{array.source} holds {array.values[*index]} at {index}: every value must be a finite number; clean "
                "the data",
            )


def check_object(bucket: Bucket, data: Data, key: str) -> None:
    """Check that the object with a key of spec.data exists in the bucket, and is no folder.

    Raises:
        Failure: ObjectNotFound, with similar keys and advice; or another failure of the bucket.
    """
    full_key = data.prefix + key
    try:
        stat = bucket.stat(full_key)
    except Failure as failure:
        if failure.reason != "ObjectNotFound" or not (advice := _folder_advice(bucket, data, full_key)):
            raise
        raise Failure(failure.reason, f"{failure.message}. {advice}", failure.exit_code) from failure
    if full_key.endswith("/") and not stat.size:  # Some programs create an empty object for a folder.
        advice = _folder_advice(bucket, data, full_key) or _format_advice()
        raise bad_data("ObjectNotFound", f"{bucket.uri(full_key)} is a folder. {advice}")


def _folder_advice(bucket: Bucket, data: Data, key: str) -> str | None:
    """Return advice if a key is a folder, or spec.data.prefix is a folder without its final slash; else None."""
    try:
        if names := suggestions.entries_in(key, bucket.entries):
            if subfolder := next((name for name in names if name.endswith("/")), None):
                names = [*names, *suggestions.entries_in(f"{key.rstrip('/')}/{subfolder}", bucket.entries)]
            if any(PurePosixPath(name).suffix.lower() in _IMAGE_SUFFIXES for name in names):
                return (
                    f"{_format_advice()}, and folders of images are not read: save them as one object with "
                    'numpy.savez("train.npz", x=IMAGES, y=LABELS), x of shape (samples, height, width, channels), and '
                    "use that"
                )
            return _format_advice()
        if data.prefix and not data.prefix.endswith("/") and bucket.entries(f"{data.prefix}/"):
            return f"spec.data.prefix is put before each key unchanged: write {data.prefix}/ if it is a folder"
    except Failure:  # The credentials may not list the bucket.
        pass
    return None


def _format_advice() -> str:
    return f"spec.data must name objects, each {join_or(FORMATS)}"
