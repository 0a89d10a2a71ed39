"""The model that a Deployment was made for, as an annotation of it: what becomes of its training does not matter."""

import json
from collections.abc import Mapping
from typing import Any

from epochal_api.kind import GROUP
from epochal_api.modelserver_status import ServedModel
from pydantic import ValidationError

MODEL_ANNOTATION = f"{GROUP}/model"
"""Annotation of the Deployment: the model that its pods serve, as JSON."""
MAX_BYTES = 64 * 1024
"""Characters of that annotation: more than any has, though JSON takes twelve for one of two addresses of 2048."""
_ASKED = {"inputs", "outputs"}
"""What a pod has told of it."""


def encode(model: ServedModel) -> str:
    """Returns a model as an annotation has it."""
    return json.dumps(model.model_dump(mode="json", exclude_none=True, exclude=_ASKED), sort_keys=True)


def pinned(deployment: Mapping[str, Any] | None, known: ServedModel | None) -> ServedModel | None:
    """Returns the model that a Deployment was made for.

    Args:
        deployment: The Deployment as it is kept, if there is one.
        known: The model that the status of its ModelServer tells of: it counts where there is no Deployment, or
            somebody has taken its annotation away.
    """
    text = ((deployment or {}).get("metadata", {}).get("annotations") or {}).get(MODEL_ANNOTATION)
    if text is None:
        return known
    try:
        found = ServedModel.model_validate_json(text)
    except ValidationError:
        return known
    if known is not None and _file(known) == _file(found):
        return found.model_copy(update={name: getattr(known, name) for name in _ASKED})
    return found


def _file(model: ServedModel) -> tuple[str | None, ...]:
    """Returns what tells what a pod tells of a model."""
    return model.uri, model.sha256, model.runtime, model.signature, model.signature_sha256
