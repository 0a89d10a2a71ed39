"""Layers of models that Keras 1 and 2 stored, with the defaults that differ in Keras 3."""

from collections.abc import Mapping
from typing import Any

from epochal_api.catalogue.objects import MAX_DEPTH

from epochal.importers.old_arguments import without_reset


def is_earlier(model: Mapping[str, Any]) -> bool:
    """Return whether Keras 1 or 2 stored a model. Without a version, the notation decides: Keras 3 writes `module`."""
    version = str(model.get("keras_version") or "")
    return version.startswith(("0.", "1.", "2.")) if version else "module" not in model


def with_earlier_defaults(value: Any, depth: int = 0) -> Any:
    """Return the configuration of a layer with the defaults of Keras 2 that differ in Keras 3, at any depth."""
    if depth > MAX_DEPTH:
        return value
    if isinstance(value, list):
        return [with_earlier_defaults(each, depth + 1) for each in value]
    if not isinstance(value, Mapping):
        return value
    result = {key: with_earlier_defaults(each, depth + 1) for key, each in value.items()}
    if isinstance(config := result.get("config"), dict):
        result["config"] = without_reset(str(result.get("class_name")), config)
    return result
