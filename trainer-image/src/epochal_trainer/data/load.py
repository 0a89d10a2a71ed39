"""The download of a TrainingJob's data sets into memory, with advice for objects that do not exist."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np
from epochal_api.storage import Data, DataSet
from epochal_api.trainingjob.training import Training

from epochal_trainer.data import distinct, split
from epochal_trainer.data.formats.npz_names import Role
from epochal_trainer.data.formats.registry import FORMATS, either, format_of
from epochal_trainer.data.memory import Memory
from epochal_trainer.data.samples import Array, DataSets, Samples, first_place, shaped
from epochal_trainer.data.source import Source
from epochal_trainer.lib.failures import Failure, bad_data
from epochal_trainer.storage import Bucket, near

BLOCK = 1024**2
"""Number of elements to check at a time."""
_IMAGES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
"""Suffixes of images: folders of these are not read."""


def load(
    data: Data,
    bucket: Bucket,
    folder: Path,
    memory: Memory | None = None,
    *,
    training: Training,
    fit: Callable[[Samples], Samples] = lambda samples: samples,
) -> DataSets:
    """Download, read and check the data sets.

    Args:
        data: The objects and their format.
        bucket: The data bucket.
        folder: Folder for temporary copies, which are deleted before this function returns.
        memory: Memory budget of all arrays. Default: see Memory.
        training: The training that reads the data; its seed determines all draws.
        fit: Checks that a data set, before a split, fits the network, and returns it in the form that the network
            accepts.

    Returns:
        The data sets, with the validation set split off if it is a part of the training set.

    Raises:
        Failure: A failure of the bucket or of `fit`. DuplicateData, EmptyData, LengthMismatch, NonFiniteData or
            InvalidLabels. From the formats: UnknownFormat, MissingArrays, UnreadArrays, UnsafePickle, UnsupportedType,
            TruncatedData, DamagedData or DataTooLarge.
    """
    memory = memory or Memory()
    sets: dict[Role, DataSet] = {"train": data.train}
    if data.validation and (validation := data.validation.data_set):
        sets["validation"] = validation
    if data.test:
        sets["test"] = data.test

    distinct.check_sources({role: each.features for role, each in sets.items() if each.features is not None})
    keys = dict.fromkeys(key for data_set in sets.values() for key in data_set.keys())  # noqa: SIM118 - no dict
    for key in keys:
        check_object(bucket, data, key)
    sources, digests = {}, {}
    try:
        for number, key in enumerate(keys):
            sources[key] = Source(key, folder / f"data-{number}")
            digests[data.prefix + key] = bucket.download(data.prefix + key, sources[key].path)
        found: dict[Role, Samples] = {}
        for role in sets:
            if role not in found:
                read = _read(data, sources, role, sets, memory)
                found |= {each: fit(_checked(samples)) for each, samples in read.items()}
    finally:
        for source in sources.values():
            source.path.unlink(missing_ok=True)

    distinct.check_samples(found)
    train, held_out = found.pop("train"), found.get("validation")
    if data.validation and (fraction := data.validation.split) is not None:
        drawn = {"shuffle": data.shuffle, "stratify": data.validation.stratify}
        train, held_out = split.divide(train, float(fraction), training=training, **drawn)
    return DataSets(train, held_out, found.get("test"), digests, split.described(data, training))


def _read(
    data: Data, sources: dict[str, Source], role: Role, sets: dict[Role, DataSet], memory: Memory
) -> dict[Role, Samples]:
    """Read a data set, and the other data sets in the same object."""
    data_set = sets[role]
    if data_set.object is not None:
        source = sources[data_set.object]
        name = format_of(source, data.format)
        if (read := FORMATS[name].data_sets) is None:
            advice = f"name two objects in spec.data.{role}, features and labels"
            raise bad_data("MissingArrays", f"{source.name} is {name} and holds one array: {advice}")
        here = [other for other, each in sets.items() if each.object == data_set.object]
        return read(source, here, memory, sets.keys() - here)
    features, labels = (sources[key] for key in data_set.keys())  # noqa: SIM118 - no dict
    of_features, of_labels = (_array_reader(source, data, role) for source in (features, labels))
    return {role: Samples(of_features(features, memory), of_labels(labels, memory), features.name, labels.name)}


def _array_reader(source: Source, data: Data, role: Role) -> Callable[[Source, Memory], Array]:
    name = format_of(source, data.format)
    if (read := FORMATS[name].array) is None:
        must = either(name for name, known in FORMATS.items() if known.array)
        raise bad_data(
            "UnknownFormat",
            f"{source.name} is {name}, and features and labels of their own must be {must}: "
            f"name it as spec.data.{role}.object if it holds both",
        )
    return read


def _checked(samples: Samples) -> Samples:
    for name, array in ((samples.features_name, samples.features), (samples.labels_name, samples.labels)):
        if array.ndim == 0:
            raise bad_data("ShapeMismatch", f"{name} is a single value: its first axis must be that of the samples")
        if array.size == 0:
            raise bad_data("EmptyData", f"{name} is {shaped(array.shape)} {array.dtype}: there must be data in it")
    if len(samples.features) != len(samples.labels):
        raise bad_data(
            "LengthMismatch",
            f"{samples.features_name} holds {len(samples.features):,} samples and {samples.labels_name} "
            f"{len(samples.labels):,}: there must be as many labels as features",
        )
    _check_finite(samples.features_name, samples.features)
    _check_finite(samples.labels_name, samples.labels)
    if samples.weights is not None:
        if samples.weights.shape[:1] != samples.labels.shape[:1]:
            raise bad_data(
                "LengthMismatch",
                f"{samples.weights_name} is {shaped(samples.weights.shape) or 'a single value'}, and "
                f"{samples.labels_name} holds {len(samples.labels):,} samples: there must be a weight for each",
            )
        _check_finite(samples.weights_name, samples.weights)
    return samples


def _check_finite(name: str, array: Array) -> None:
    if array.dtype.kind != "f":
        return
    rows = max(1, BLOCK * len(array) // array.size)
    for begin in range(0, len(array), rows):
        finite = np.isfinite(array[begin : begin + rows])
        if not finite.all():
            first = first_place(~finite)
            where = [begin + first[0], *first[1:]]
            raise bad_data(
                "NonFiniteData",
                f"{name} holds {array[*where]} at {where}: every value must be a finite number; clean the data",
            )


def check_object(bucket: Bucket, data: Data, key: str) -> None:
    """Check that an object of the data exists.

    Args:
        bucket: The data bucket.
        data: The spec of the data.
        key: Key of the object, relative to data.prefix.

    Raises:
        Failure: ObjectNotFound, with similar keys and advice; or as in `Bucket.check`.
    """
    whole = data.prefix + key
    try:
        found = bucket.stat(whole)
    except Failure as failure:
        if failure.reason != "ObjectNotFound" or not (advice := _folder_advice(bucket, data, whole)):
            raise
        raise Failure(failure.reason, f"{failure.message}. {advice}", failure.exit_code) from failure
    if whole.endswith("/") and not found.size:  # Some programs create an empty object for a folder.
        advice = _folder_advice(bucket, data, whole) or _expected()
        raise bad_data("ObjectNotFound", f"{bucket.uri(whole)} is a folder. {advice}")


def _folder_advice(bucket: Bucket, data: Data, key: str) -> str | None:
    """Return advice for a key that is a folder, or for a prefix without its final slash; None for other keys."""
    try:
        if inside := near.within(key, bucket.entries):
            return _of_folder(bucket, key, inside)
        if data.prefix and not data.prefix.endswith("/") and bucket.entries(f"{data.prefix}/"):
            return f"spec.data.prefix is put before each key as it is: write {data.prefix}/ if it is a folder"
    except Failure:  # The credentials may not list the bucket.
        pass
    return None


def _of_folder(bucket: Bucket, folder: str, inside: list[str]) -> str:
    if deeper := next((name for name in inside if name.endswith("/")), None):
        inside = [*inside, *near.within(f"{folder.rstrip('/')}/{deeper}", bucket.entries)]
    if not any(PurePosixPath(name).suffix.lower() in _IMAGES for name in inside):
        return _expected()
    return (
        f"{_expected()}, and folders of images are not read: put them into one object with "
        'numpy.savez("train.npz", x=IMAGES, y=LABELS), x of shape (samples, height, width, channels), and name that'
    )


def _expected() -> str:
    return f"spec.data must name objects, each {either(FORMATS)}"
