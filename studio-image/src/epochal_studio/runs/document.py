"""Converts an object for the page: to JSON, to YAML that can be applied, and to a copy with another name."""

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
"""Maximum levels of mappings and lists in an object. The JSON serializer fails at 255 levels."""
MAX_YAML = 256 * 1024
"""Maximum bytes of an object as JSON for which YAML is written: twice the size of the largest valid object."""
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
"""Fields of metadata that the API server or controllers set."""
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""The annotation in which `kubectl apply` stores the last applied document."""
_STEERING = ("suspend", "finish")


def plain(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object without managedFields. Values below MAX_DEPTH levels are replaced by `…`."""
    metadata = {name: value for name, value in mapping(found.get("metadata")).items() if name != "managedFields"}
    shown: dict[str, Any] = _cut({**found, "metadata": metadata}, MAX_DEPTH)
    return shown


def as_yaml(found: Mapping[str, Any]) -> str:
    """Return an object as YAML for `kubectl apply`: without status and without fields that the API server sets.

    For an object that is too large or too deep, return a comment with the reason.
    """
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
    """Return a new object with the kind, namespace, spec and labels of another object.

    spec.suspend, spec.finish, and labels with a prefix, except Kueue's queue, are not copied.

    Args:
        found: The object to copy.
        name: Name of the new object.
        suspend: Whether the new object starts suspended. It has no effect for a ModelServer.
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
    """Return whether a value has more than `levels` nested levels of mappings and lists."""
    if not isinstance(value, Mapping | list):
        return False
    inner = value.values() if isinstance(value, Mapping) else value
    return not levels or any(_is_deep(each, levels - 1) for each in inner)


def _cut(value: Any, levels: int) -> Any:
    """Return a copy of a value where mappings and lists below `levels` levels are replaced by `…`."""
    if isinstance(value, Mapping):
        if not levels:
            return "…"
        return {printable(str(name), instead=" "): _cut(inner, levels - 1) for name, inner in value.items()}
    if isinstance(value, list):
        return [_cut(inner, levels - 1) for inner in value] if levels else "…"
    return value
