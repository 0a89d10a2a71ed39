"""An object as the page shows it: plain JSON, YAML to apply again, and a copy with another name."""

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from epochal.manifests import write
from epochal.tasks.continuation import copied_labels
from epochal_api.kind import API_VERSION
from epochal_api.text import printable

from epochal_studio.runs.values import mapping

MAX_DEPTH = 64
"""Maximum depth of a document. The serializer refuses 255 levels, and no page can show as many."""
MAX_YAML = 256 * 1024
"""Maximum bytes of a spec, as JSON, that is written as YAML: twice those of the largest valid one."""
SERVER_FIELDS = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "finalizers",
        "generateName",
        "generation",
        "managedFields",
        "ownerReferences",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)
"""Fields of the metadata that the API server or a controller sets."""
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""Annotation of `kubectl apply`: the last document that it has applied."""
_STEERING = ("suspend", "finish")


def plain(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object without managedFields, and without values below MAX_DEPTH levels."""
    metadata = {name: value for name, value in mapping(found.get("metadata")).items() if name != "managedFields"}
    shown: dict[str, Any] = _cut({**found, "metadata": metadata}, MAX_DEPTH)
    return shown


def as_yaml(found: Mapping[str, Any]) -> str:
    """Return an object as YAML to apply again: without status and without fields that the API server sets."""
    metadata = {
        name: value for name, value in mapping(found.get("metadata")).items() if name not in SERVER_FIELDS and value
    }
    annotations = dict(mapping(metadata.pop("annotations", {})))
    annotations.pop(LAST_APPLIED, None)
    document = {
        "apiVersion": found.get("apiVersion") or API_VERSION,
        "kind": found.get("kind"),
        "metadata": {**metadata, **({"annotations": annotations} if annotations else {})},
        "spec": found.get("spec") or {},
    }
    if _is_deep(document, MAX_DEPTH):
        return f"# The spec has more than {MAX_DEPTH} levels: read it with kubectl get --output yaml.\n"
    if len(json.dumps(document)) > MAX_YAML:
        return f"# The spec has more than {MAX_YAML // 1024} KiB: read it with kubectl get --output yaml.\n"
    return write(document)


def clone(found: Mapping[str, Any], name: str, *, suspend: bool) -> dict[str, Any]:
    """Return an object with the spec of another one.

    Args:
        found: The other object, as the API server has it.
        name: Name of the new object.
        suspend: Whether it starts suspended. A ModelServer has no such field.
    """
    spec = {field: deepcopy(value) for field, value in mapping(found.get("spec")).items() if field not in _STEERING}
    if suspend and found.get("kind") != "ModelServer":
        spec["suspend"] = True
    labels = copied_labels(found)
    metadata = {
        "name": name,
        "namespace": mapping(found.get("metadata")).get("namespace"),
        **({"labels": labels} if labels else {}),
    }
    return {"apiVersion": API_VERSION, "kind": found.get("kind"), "metadata": metadata, "spec": spec}


def _is_deep(value: Any, levels: int) -> bool:
    """Return whether a value has more than a number of levels of mappings and lists."""
    if not isinstance(value, Mapping | list):
        return False
    inner = value.values() if isinstance(value, Mapping) else value
    return not levels or any(_is_deep(each, levels - 1) for each in inner)


def _cut(value: Any, levels: int) -> Any:
    """Return a value with a note in place of deeper levels."""
    if isinstance(value, Mapping):
        if not levels:
            return "…"
        return {printable(str(name), instead=" "): _cut(inner, levels - 1) for name, inner in value.items()}
    if isinstance(value, list):
        return [_cut(inner, levels - 1) for inner in value] if levels else "…"
    return value
