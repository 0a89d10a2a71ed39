"""TensorFlow Serving's REST API: the status of a model, and its inputs and outputs."""

from collections.abc import Iterable
from typing import Any

from epochal_server.model import Model
from epochal_server.protocols.datatypes import tensorflow
from epochal_server.tensors import Tensor

SIGNATURE_NAME = "serving_default"


def status(model: Model, why_not: str | None) -> dict[str, Any]:
    """Return the answer of /v1/models/NAME, with the fields of TensorFlow Serving and of KServe's version 1.

    Args:
        model: The model.
        why_not: The reason why the model is not ready, or None if it is ready.
    """
    code = "OK" if why_not is None else "UNAVAILABLE"
    return {
        "name": model.name,
        "ready": why_not is None,
        "model_version_status": [
            {
                "version": model.version,
                "state": "AVAILABLE" if why_not is None else "LOADING",
                "status": {"error_code": code, "error_message": why_not or ""},
            }
        ],
    }


def metadata(model: Model) -> dict[str, Any]:
    """Return the answer of /v1/models/NAME/metadata."""
    signature = {
        "inputs": _told(model.inputs.values()),
        "outputs": _told(model.outputs.values()),
        "method_name": "tensorflow/serving/predict",
    }
    return {
        "model_spec": {"name": model.name, "signature_name": "", "version": model.version},
        "metadata": {"signature_def": {"signature_def": {SIGNATURE_NAME: signature}}},
    }


def _told(tensors: Iterable[Tensor]) -> dict[str, Any]:
    return {
        tensor.name: {
            "dtype": tensorflow(tensor),
            "tensor_shape": {
                "dim": [{"size": str(axis), "name": ""} for axis in (-1, *tensor.shape)],
                "unknown_rank": False,
            },
            "name": tensor.name,
        }
        for tensor in tensors
    }
