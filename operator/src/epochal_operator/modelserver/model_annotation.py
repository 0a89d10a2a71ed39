"""The Deployment's annotation with its model: later changes of the TrainingJob do not change the served model."""

import json
from collections.abc import Mapping
from typing import Any

from epochal_api.kind import GROUP
from epochal_api.modelserver.status import ServedModel
from pydantic import ValidationError

MODEL_ANNOTATION = f"{GROUP}/model"
"""Annotation of the Deployment: the model that its pods serve, as JSON."""
MAX_LENGTH = 64 * 1024
"""Characters of that annotation: larger than any valid value. JSON may need twelve characters for a single character of
two addresses of 2048 characters.
"""
_OBSERVED_FIELDS = {"inputs", "outputs", "rolled_out_time"}
"""Fields of a ServedModel that the operator observes in the pods. The annotation does not contain them."""


def encode(model: ServedModel) -> str:
    """Return the annotation text of a model."""
    return json.dumps(model.model_dump(mode="json", exclude_none=True, exclude=_OBSERVED_FIELDS), sort_keys=True)


def pinned_model(deployment: Mapping[str, Any] | None, reported: ServedModel | None) -> ServedModel | None:
    """Return the model for which a Deployment was created.

    Args:
        deployment: The cached Deployment, or None.
        reported: The model in the status of the ModelServer. It is returned if there is no Deployment or no valid
            annotation. Otherwise only its observed fields are used, if it is the same model.
    """
    text = ((deployment or {}).get("metadata", {}).get("annotations") or {}).get(MODEL_ANNOTATION)
    if text is None:
        return reported
    try:
        model = ServedModel.model_validate_json(text)
    except ValidationError:
        return reported
    is_same = reported is not None and metadata_key(reported) == metadata_key(model)
    # Users may write annotations, so these fields come from the status alone.
    return model.model_copy(update={name: getattr(reported, name) if is_same else None for name in _OBSERVED_FIELDS})


def metadata_key(model: ServedModel) -> tuple[str | None, ...]:
    """Return the fields of a model that identify its file, runtime and signature. Equal keys mean the same model."""
    return model.uri, model.sha256, model.runtime, model.signature, model.signature_sha256
