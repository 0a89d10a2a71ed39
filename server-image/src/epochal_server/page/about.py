"""What the page has to know of the model."""

from collections.abc import Iterable
from typing import Any

from epochal_api.server_config import ImageMode

from epochal_server.model import Model
from epochal_server.protocols import pixels
from epochal_server.refusals import Unknown
from epochal_server.tensors import Tensor

RUNTIMES = {"onnxruntime_onnx": "ONNX Runtime", "keras": "Keras"}


def about(model: Model) -> dict[str, Any]:
    """Returns what the page has to know of a model, for JSON."""
    return {
        "name": model.name,
        "version": model.version,
        "runtime": RUNTIMES[model.platform],
        "inputs": _tensors(model.inputs.values()),
        "outputs": _tensors(model.outputs.values()),
        "classes": model.classes,
        "images": _images(model),
        "limits": {"request_bytes": model.limits.request_bytes},
    }


def _images(model: Model) -> ImageMode:
    """Returns what becomes of photographs: nothing, where the model takes none whatever its ModelServer says."""
    try:
        pixels.check(model)
    except Unknown:
        return "None"
    return model.images


def _tensors(tensors: Iterable[Tensor]) -> list[dict[str, Any]]:
    return [{"name": tensor.name, "dtype": tensor.dtype_name, "shape": [-1, *tensor.shape]} for tensor in tensors]
