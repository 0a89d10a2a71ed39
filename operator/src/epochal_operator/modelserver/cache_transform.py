"""The fields of ModelServers, their owned objects and the sources of their models that the store keeps."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from epochal_api.modelserver.spec import KIND

from epochal_operator.modelserver.deployment import (
    RESTART_ANNOTATION,
    RESTARTED_ANNOTATION,
    REVISION_ANNOTATION,
    TEMPLATE_ANNOTATION,
    template_digest,
)
from epochal_operator.modelserver.pin import MAX_BYTES, MODEL_ANNOTATION
from epochal_operator.modelserver.resources import (
    CONTAINER,
    CONVERTER,
    EXPERIMENT_LABEL,
    INPUTS_ANNOTATION,
    NAME_LABEL,
    UID_LABEL,
)
from epochal_operator.runtime.api.bounded_reader import UNREAD
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.cache_transform import MAX_NAME, compress_spec, keep_metadata, pick
from epochal_operator.runtime.metrics import part

MAX_FIELD = 1024
"""Characters of a spec field, as JSON, up to which it is cached unchanged."""
_LABELS = (NAME_LABEL, UID_LABEL)
_STATUSES = ("containerStatuses", "initContainerStatuses")
_CONTAINERS = frozenset({CONTAINER, CONVERTER})
_REFERENCES = ("trainingJobRef", "experimentRef")


def model_server(thing: Object, labels: Iterable[str] = ()) -> Object:
    """Return the cached fields of a ModelServer: its spec as text, and the references of its source.

    Args:
        thing: The ModelServer.
        labels: Labels that are kept even if the ModelServer has too many labels.
    """
    source = part(thing["spec"], "source")
    named = {name: pick(part(source, name), ("name",)) for name in _REFERENCES if name in source}
    kept = pick(thing, ("apiVersion", "kind", UNREAD)) | {
        "metadata": keep_metadata(thing["metadata"], labels=labels),
        "spec": {"source": named},
        "status": thing.get("status") or {},
    }
    return kept | compress_spec(thing["spec"])


def deployment(thing: Object) -> Object:
    """Return the cached fields of a Deployment, with digests in place of its pod template to detect changes."""
    outline = _outline(thing)
    told = (MODEL_ANNOTATION, TEMPLATE_ANNOTATION, RESTARTED_ANNOTATION, REVISION_ANNOTATION)
    found = pick(thing["metadata"].get("annotations") or {}, told)
    outline["annotations"] = {name: text for name, text in found.items() if len(text) <= MAX_BYTES}
    spec = {name: value for name, value in thing["spec"].items() if name not in {"template", "selector"}}
    template = thing["spec"].get("template") or {}
    annotations = part(part(template, "metadata"), "annotations")
    digests = {"digest": template_digest(template), "inputs": annotations.get(INPUTS_ANNOTATION)}
    return {
        "metadata": outline,
        "spec": spec | {"template": digests},
        "status": thing.get("status") or {},
        "restarted": str(annotations.get(RESTART_ANNOTATION) or "")[:MAX_NAME],
    }


def child(thing: Object) -> Object:
    """Return the cached fields of another owned object, or of an object with the same label."""
    spec = thing.get("spec") or {}
    return {"metadata": _outline(thing), "spec": {name: brief(value) for name, value in spec.items()}}


def brief(value: Any) -> Any:
    """Return a spec field, or the digest of a long field, which is enough to detect changes.

    Args:
        value: The field, as JSON.
    """
    text = json.dumps(value, sort_keys=True)
    return value if len(text) <= MAX_FIELD else f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def replica_set(thing: Object) -> Object:
    """Return the cached fields of a ReplicaSet: the metadata with its owners."""
    return {"metadata": _outline(thing)}


def pod(thing: Object) -> Object:
    """Return the cached fields of a pod, without most of its spec and without the containers of others."""
    outline = keep_metadata(thing["metadata"], labels=_LABELS, annotations=(INPUTS_ANNOTATION,))
    containers = (one for field in ("initContainers", "containers") for one in _ours(thing["spec"], field))
    spec = pick(thing["spec"], ("nodeName",)) | {"memory": {one["name"]: _memory(one) for one in containers}}
    found = thing.get("status") or {}
    status = pick(found, ("phase", "conditions", "podIP", "reason", "message"))
    return {
        "metadata": outline,
        "spec": spec,
        "status": status | {field: _ours(found, field) for field in _STATUSES if field in found},
    }


def training_job(thing: Object) -> Object:
    """Return the cached fields of a TrainingJob: its state and its models."""
    status = pick(thing.get("status") or {}, ("state", "conditions", "results", "best"))
    return {"metadata": keep_metadata(thing["metadata"], labels=(EXPERIMENT_LABEL,)), "status": status}


def experiment(thing: Object) -> Object:
    """Return the cached fields of an Experiment: its state and its best trial."""
    status = pick(thing.get("status") or {}, ("state", "best"))
    objective = pick(part(thing["spec"], "objective"), ("strategy",))
    outline = keep_metadata(thing["metadata"])
    return {"metadata": outline, "spec": {"objective": objective}, "status": status}


def _outline(thing: Object) -> dict[str, Any]:
    return keep_metadata(thing["metadata"], labels=_LABELS, owner=KIND)


def _ours(thing: Mapping[str, Any], field: str) -> list[Any]:
    """Return Epochal's containers in a list of containers."""
    return [one for one in thing.get(field) or [] if one.get("name") in _CONTAINERS]


def _memory(container: Mapping[str, Any]) -> Any:
    return part(part(container, "resources"), "limits").get("memory")
