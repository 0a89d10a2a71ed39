"""Open Inference v2: metadata of the server and its model."""

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

from epochal_server.model import Model
from epochal_server.protocols.datatypes import open_inference
from epochal_server.tensors import Tensor

SERVER = "epochal-server"
EXTENSIONS = ("binary_tensor_data", "classification", "model_repository")


def server() -> dict[str, Any]:
    """Return the answer of /v2."""
    return {"name": SERVER, "version": version(SERVER), "extensions": EXTENSIONS}


def of(model: Model) -> dict[str, Any]:
    """Return the answer of /v2/models/NAME."""
    return {
        "name": model.name,
        "versions": [model.version],
        "platform": model.platform,
        "inputs": _told(model.inputs.values()),
        "outputs": _told(model.outputs.values()),
    }


def index(model: Model, why_not: str | None) -> list[Mapping[str, str]]:
    """Return the answer of /v2/repository/index.

    Args:
        model: The model.
        why_not: The reason why the model is not ready, or None if it is ready.
    """
    state = "READY" if why_not is None else "UNAVAILABLE"
    return [{"name": model.name, "version": model.version, "state": state, "reason": why_not or ""}]


def _told(tensors: Iterable[Tensor]) -> list[dict[str, Any]]:
    return [
        {"name": tensor.name, "datatype": open_inference(tensor), "shape": [-1, *tensor.shape]} for tensor in tensors
    ]
