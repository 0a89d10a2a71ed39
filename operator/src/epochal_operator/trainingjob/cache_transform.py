"""The parts of a TrainingJob, its Job and its pods that the cache keeps. A TrainingJob's spec is compressed."""

from collections.abc import Iterable
from typing import Any

from epochal_api.trainingjob.spec import KIND

from epochal_operator.pods.pod_template import CONTAINER, QUEUE_LABEL
from epochal_operator.runtime.api.bounded_reader import SPEC_OMITTED
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.cache_transform import bounded_metadata, compress_spec, pick
from epochal_operator.trainingjob.job.batch_job import (
    FIELDS_ANNOTATION,
    RESOLVED_SPEC_ANNOTATION,
    UID_LABEL,
    USER_SPEC_ANNOTATION,
)
from epochal_operator.trainingjob.job.continue_from import predecessor_name
from epochal_operator.trainingjob.pod.memory_limit import LIMIT_RANGER_ANNOTATION

_JOB_SPEC_FIELDS = ("parallelism", "suspend", "activeDeadlineSeconds", "backoffLimit", "managedBy")


def training_job(document: Object, labels: Iterable[str] = ()) -> Object:
    """Return the cached part of a TrainingJob: metadata, status, an outline of its spec, and the compressed spec."""
    spec = document["spec"]
    outline = cached_object(document, _spec_outline(spec), labels)
    return pick(document, ("apiVersion", "kind", SPEC_OMITTED)) | outline | compress_spec(spec)


def job(document: Object) -> Object:
    """Return the cached part of a Job, without its pod template."""
    return cached_object(document, pick(document["spec"], _JOB_SPEC_FIELDS))


def pod(document: Object) -> Object:
    """Return the cached part of a pod, without its copy of the pod template."""
    containers = [
        {"name": CONTAINER, "resources": {"limits": _memory_limit(container)}}
        for container in document["spec"].get("containers") or []
        if container.get("name") == CONTAINER
    ]
    return cached_object(document, pick(document["spec"], ("nodeName",)) | {"containers": containers})


def cached_object(document: Object, spec: dict[str, Any], labels: Iterable[str] = ()) -> dict[str, Any]:
    """Return the cached part of an object: its metadata with few labels and annotations, its status, and `spec`."""
    labels = (UID_LABEL, QUEUE_LABEL, *labels)
    annotations = (RESOLVED_SPEC_ANNOTATION, USER_SPEC_ANNOTATION, FIELDS_ANNOTATION, LIMIT_RANGER_ANNOTATION)
    metadata = bounded_metadata(document["metadata"], labels=labels, annotations=annotations, owner=KIND)
    return {"metadata": metadata, "spec": spec, "status": document.get("status") or {}}


def _memory_limit(container: Object) -> Object:
    return pick((container.get("resources") or {}).get("limits") or {}, ("memory",))


def _spec_outline(spec: Object) -> dict[str, Any]:
    """Return the fields of a spec that the metrics and the index of predecessors read.

    For `image` and `endpoint`, a boolean shows whether the field is set.
    """
    training, scheduling, storage = (spec.get(name) or {} for name in ("training", "scheduling", "storage"))
    name = predecessor_name({"spec": spec})
    return {
        "framework": spec.get("framework"),
        "image": bool(spec.get("image")),
        "storage": {"endpoint": bool(storage.get("endpoint"))},
        "scheduling": {"queueName": scheduling.get("queueName")},
        "training": {"epochs": training.get("epochs"), "continueFrom": {"name": name} if name else None},
    }
