"""The description of the model for the web page."""

from collections.abc import Iterable
from typing import Any

from epochal_api.server_config import ImageMode

from epochal_server.model import Model
from epochal_server.protocols import pixels
from epochal_server.refusals import Unknown
from epochal_server.tensors import Tensor

RUNTIMES = {"onnxruntime_onnx": "ONNX Runtime", "keras": "Keras"}


def about(model: Model) -> dict[str, Any]:
    """Return the description of a model for the web page, ready for JSON."""
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
    """Return the mode of photographs: None if the model takes no photographs, for any configuration."""
    try:
        pixels.check(model)
    except Unknown:
        return "None"
    return model.images


def _tensors(tensors: Iterable[Tensor]) -> list[dict[str, Any]]:
    return [{"name": tensor.name, "dtype": tensor.dtype_name, "shape": [-1, *tensor.shape]} for tensor in tensors]
