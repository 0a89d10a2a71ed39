"""Converts the inputs of a Keras model to inputs of the network in a TrainingJob."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from epochal_api.trainingjob.network import INPUT

from epochal.importers.draft import Draft, label_of
from epochal.importers.keras_model.objects import FULL_PRECISION, NotImportable
from epochal.importers.reading import mapping, shown
from epochal.importers.values import integer

_GENERIC = re.compile(r"input(_layer)?(_?\d+)?|.{0,100}_input")
"""Names that Keras gives to an input without a name of the user."""


def read_input(entry: Mapping[str, Any], draft: Draft) -> dict[str, Any]:
    """Return the input of the network for an InputLayer of the model.

    Raises:
        NotImportable: If the InputLayer has no shape.
    """
    config = mapping(entry.get("config"))
    name = str(entry.get("name") or config.get("name") or INPUT)
    shape = _sample_shape(config.get("batch_shape", config.get("batch_input_shape")))
    if shape is None:
        raise NotImportable(f"the input {shown(name)} of the model has no shape")
    for key in ("sparse", "ragged"):
        if config.get(key):
            draft.warn(
                label_of("input", name),
                f"the option {key} of the input is lost: inputs of a TrainingJob are dense arrays",
            )
    return _input(name, shape, config.get("dtype"))


def sequential_input(config: Any, first: Mapping[str, Any], draft: Draft) -> dict[str, Any]:
    """Return the input of the network for a Sequential model without an InputLayer, from its first layer.

    If the model has no shape, the input is a placeholder of the shape [1], with a warning.
    """
    inner = mapping(first.get("config"))
    candidates: list[Any] = [inner.get("batch_input_shape"), inner.get("batch_shape")]
    candidates.append(mapping(first.get("build_config")).get("input_shape"))
    candidates.append(mapping(config).get("build_input_shape"))
    if (size := integer(inner.get("input_dim"))) is not None and first.get("class_name") == "Dense":
        candidates.append([None, size])
    shape = next((found for each in candidates if (found := _sample_shape(each)) is not None), None)
    if shape is None:
        draft.warn(
            label_of("layer", inner.get("name", first.get("class_name"))), "the model is not built: it has no shape"
        )
        draft.fill_in("network.input", "the shape of a sample.")
        return {"name": INPUT, "shape": [1]}
    dtype = "int32" if first.get("class_name") == "Embedding" else inner.get("input_dtype", FULL_PRECISION)
    return _input(INPUT, shape, dtype)


def _input(name: str, shape: Sequence[int], dtype: Any) -> dict[str, Any]:
    kind = dtype if isinstance(dtype, str) else FULL_PRECISION
    return {
        "name": INPUT if _GENERIC.fullmatch(name) else name,
        "shape": list(shape),
        **({"dtype": kind} if kind != FULL_PRECISION else {}),
    }


def _sample_shape(value: Any) -> list[int] | None:
    """Return a stored shape without its first axis (the batch); -1 is an axis of any length. None if it is no shape."""
    if isinstance(value, Mapping):  # Keras 2 stores a shape as {class_name: TensorShape, items: […]}.
        value = value.get("items")
    if not isinstance(value, list) or not value or any(isinstance(size, list | Mapping) for size in value):
        return None
    sizes = [-1 if size is None else integer(size) for size in value[1:]]
    return None if None in sizes else [size for size in sizes if size is not None]
