"""Builds the manifest of a ModelServer for a TrainingJob or an Experiment, for `epochal serve`."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from epochal_api.kind import API_VERSION
from epochal_api.modelserver.config import ImageMode
from epochal_api.modelserver.spec import MAX_NAME, NAME_PATTERN

from epochal.client.kinds import EXPERIMENTS
from epochal.client.references import Found
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode

_STORAGE_FIELDS = ("endpoint", "region", "secretRef", "caConfigMapRef")
_RGB, _GRAY = 3, 1


class Served(NamedTuple):
    """The manifest of a ModelServer.

    Args:
        document: The ModelServer as plain values.
        comments: Comments for the manifest by the path of a field.
        hint: A message about options that the user may need for photographs; "" for no message.
    """

    document: dict[str, Any]
    comments: dict[str, str]
    hint: str


def model_server(found: Found, name: str, *, images: ImageMode | None, replicas: int | None) -> Served:
    """Return a ModelServer that serves the model of a TrainingJob, or of the best trial of an Experiment.

    Args:
        found: The TrainingJob or Experiment.
        name: Name of the ModelServer.
        images: How the server converts photographs. Default: Resize for a network of color images, otherwise "None".
        replicas: Number of pods; None for the default of spec.replicas.

    Raises:
        EpochalError: If a Service cannot have this name.
    """
    if not re.fullmatch(NAME_PATTERN, name) or len(name) > MAX_NAME:
        raise EpochalError(
            f"{name[:253]!r} cannot be the name of a ModelServer, because a Service gets it: expected a-z, 0-9 and -, "
            f"a letter first, and at most {MAX_NAME} characters.",
            "Choose another name with --name.",
            exit_code=ExitCode.USAGE,
        )
    is_experiment = found.kind == EXPERIMENTS
    spec = found.object.get("spec") or {}
    job = ((spec.get("template") or {}).get("spec") or {}) if is_experiment else spec
    storage = job.get("storage") or {}
    shape = image_shape(job)
    mode, hint = _mode(images, shape)
    document: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": "ModelServer",
        "metadata": {"name": name, "namespace": found.object["metadata"]["namespace"]},
        "spec": {
            "source": {"experimentRef" if is_experiment else "trainingJobRef": {"name": found.name}},
            "storage": {field: storage[field] for field in _STORAGE_FIELDS if field in storage},
            **({"images": {"mode": mode}} if mode != "None" else {}),
            **({"replicas": replicas} if replicas is not None else {}),
        },
    }
    source = "the best trial" if is_experiment else "the best epoch"
    comments = {
        "spec.source": f"The model of {source}. If {found.name} is trained again, its new model is rolled out.",
        "spec.storage": f"The storage of {found.name}.",
        "spec.images": "Photographs are converted to the size of the network's input.",
    }
    return Served(document, {path: text for path, text in comments.items() if _has(document, path)}, hint)


def image_shape(job: Mapping[str, Any]) -> tuple[int, int, int] | None:
    """Return height, width and channels of a network's input; None if the input is unknown, or no gray or RGB image."""
    shape = ((job.get("network") or {}).get("input") or {}).get("shape")
    if not isinstance(shape, list) or not all(isinstance(length, int) for length in shape) or len(shape) != 3:  # noqa: PLR2004
        return None
    height, width, channels = shape
    return (height, width, channels) if min(height, width) > 1 and channels in {_GRAY, _RGB} else None


def _mode(images: ImageMode | None, shape: tuple[int, int, int] | None) -> tuple[ImageMode, str]:
    if images is not None:
        return images, ""
    if shape is None:
        return "None", ""
    height, width, channels = shape
    if channels == _RGB:
        return "Resize", ""
    return "None", (
        f"The network takes gray images of {height} × {width}. To send photographs, add --images Digit for handwritten "
        "digits like those of MNIST, or --images Resize for pictures like those of the training data."
    )


def _has(document: Mapping[str, Any], path: str) -> bool:
    value: Any = document
    for part in path.split("."):
        if part not in value:
            return False
        value = value[part]
    return True
