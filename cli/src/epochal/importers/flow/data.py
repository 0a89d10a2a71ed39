"""Converts the nodes for data of a flow: the input shape, spec.data, spec.results, the epochs and the batch size."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from epochal_api.storage import BUCKET_PATTERN

from epochal.importers.draft import Draft
from epochal.importers.flow.document import Node
from epochal.importers.reading import shown
from epochal.importers.values import integer, is_nothing

_FORMATS: Mapping[str, str] = {
    "numpy": "npz",
    "npz": "npz",
    "pickle": "pickle",
    "pythonpickle": "pickle",
    "mnist": "idx",
    "idx": "idx",
}
_SETS = (("train", "train_dataset"), ("validation", "val_dataset"), ("test", "test_dataset"))
_SIZES = ("rows", "cols", "channels")
_LENGTHS = ("sequence_length", "seq_length", "max_length", "maxlen", "length")
_DEFAULT_SHAPE = (28, 28, 1)
_MAX_KEY = 512
_PLACEHOLDER_BUCKET = "training-data"
_READ = frozenset(
    {
        *_SIZES,
        *_LENGTHS,
        *(name for _, name in _SETS),
        "batchsize",
        "batch_size",
        "bucket",
        "classes",
        "dbformat",
        "dim_ordering",
        "epochs",
        "input_shape",
        "num_epochs",
        "shape",
    }
)
_CONNECTION = "data_connection"


class InputShape(NamedTuple):
    """The input of a network.

    Args:
        shape: The shape of a sample, without the batch axis.
        is_channels_first: Whether the channels are the first axis, so the network needs a Permute layer.
    """

    shape: Sequence[int]
    is_channels_first: bool


def input_shape(node: Node, draft: Draft) -> InputShape:
    """Return the shape of a sample, from a node for data. A missing size gets a default, with a warning."""
    parameters = node.parameters
    for key in ("shape", "input_shape"):
        value = parameters.get(key)
        sizes = re.findall(r"-?\d{1,9}", value[:1000]) if isinstance(value, str) else value
        if isinstance(sizes, list) and sizes and all(_is_size(size) for size in sizes):
            return InputShape([integer(size) or -1 for size in sizes], is_channels_first=False)
    if not any(key in parameters for key in _SIZES):
        if length := next((size for key in _LENGTHS if _is_size(size := parameters.get(key))), None):
            return InputShape([integer(length) or -1], is_channels_first=False)
        draft.fill_in("network", "the shape of a sample, in input.")
    shape = []
    for key, default in zip(_SIZES, _DEFAULT_SHAPE, strict=True):
        if _is_size(value := parameters.get(key)):
            shape.append(integer(value) or default)
            continue
        draft.warn(node.label, f"{key} must be a size from 1, found {shown(value)}: {default} is used instead")
        shape.append(default)
    is_first = str(parameters.get("dim_ordering", "")).strip().lower() in {"th", "channels_first"}
    return InputShape([shape[2], *shape[:2]] if is_first else shape, is_channels_first=is_first)


def class_count(node: Node) -> int | None:
    """Return the number of classes in the data; None if the node has no valid number above 1."""
    found = integer(node.parameters.get("classes"))
    return found if found and found > 1 else None


def set_data(node: Node, draft: Draft) -> None:
    """Set spec.data, spec.storage and spec.results from a node for data, and warn about lost parameters."""
    parameters = node.parameters
    bucket = parameters.get("bucket")
    if is_nothing(bucket) or not isinstance(bucket, str) or not re.fullmatch(BUCKET_PATTERN, bucket):
        if not is_nothing(bucket):
            draft.warn(
                node.label,
                f"bucket must be the name of an S3 bucket, found {shown(bucket)}: a placeholder is used instead",
            )
        bucket = None
    data: dict[str, Any] = {"bucket": bucket or _PLACEHOLDER_BUCKET, **_format(node, draft), **_sets(node, draft)}
    draft.spec["data"] = data
    if bucket is None:
        draft.fill_in("data.bucket", "the bucket with the data.")
    draft.set_storage()
    if not is_nothing(connection := parameters.get(_CONNECTION)):
        text = f"The data connection of the flow was {shown(connection)}. Set storage.endpoint to its address, if it is"
        draft.comment("storage", f"{text} not the address\nof the installation.")
    draft.set_results(bucket, prefix="results/" if bucket else "")
    for name, value in parameters.items():
        if name not in _READ and name != _CONNECTION and not is_nothing(value):
            draft.warn(
                node.label, f"{shown(name)} is {shown(value)}: a TrainingJob has no such field, so this value is lost"
            )


def training_lengths(node: Node, draft: Draft) -> dict[str, int]:
    """Return epochs and batchSize, from a node for data. A missing or invalid number gets a default, with a warning."""
    result = {}
    for field, keys, default in (
        ("epochs", ("num_epochs", "epochs"), 10),
        ("batchSize", ("batchsize", "batch_size"), 32),
    ):
        value = next((node.parameters[key] for key in keys if key in node.parameters), None)
        found = integer(value)
        if found is None or not 1 <= found <= 1_000_000:  # noqa: PLR2004 - the limits of the API
            draft.warn(
                node.label, f"{keys[0]} must be an integer from 1, found {shown(value)}: {default} is used instead"
            )
            found = default
        result[field] = found
    return result


def _is_size(value: Any) -> bool:
    size = integer(value)
    return size is not None and 1 <= size < 2**31


def _format(node: Node, draft: Draft) -> dict[str, str]:
    value = node.parameters.get("dbformat")
    if is_nothing(value):
        return {}
    if found := _FORMATS.get(re.sub(r"[^a-z]", "", str(value)[:64].lower())):
        return {"format": found}
    draft.warn(node.label, f"dbformat is {shown(value)}: convert the data to npz, which a TrainingJob reads")
    return {}


def _sets(node: Node, draft: Draft) -> dict[str, dict[str, str]]:
    """Return the data sets of a node. An object is used for only one set, because a TrainingJob refuses equal sets."""
    sets: dict[str, dict[str, str]] = {}
    used: dict[str, str] = {}
    for field, key in _SETS:
        value = node.parameters.get(key)
        if is_nothing(value):
            continue
        name = _object_key(value)
        if name is None:
            draft.warn(node.label, f"{key} is {shown(value)}: it is no valid key of an S3 object")
        elif name in used:
            reason = f"the same as {used[name]}, so this value is lost: each data set needs its own object"
            draft.warn(node.label, f"{key} is {shown(name)}, {reason}")
        else:
            used[name] = key
            sets[field] = {"object": name}
    if "train" not in sets:
        draft.warn(node.label, f"train_dataset must be an object, found {shown(node.parameters.get('train_dataset'))}")
        draft.fill_in("data.train", "the object with the training data.")
        sets = {"train": {"object": "train.pkl"}, **sets}
    return sets


def _object_key(value: Any) -> str | None:
    if not isinstance(value, str) or not value.strip().isprintable() or len(value) > _MAX_KEY:
        return None
    key = re.sub(r"^s3://[^/]*/", "", value.strip()).lstrip("/")
    return key if key and ".." not in key.split("/") else None
