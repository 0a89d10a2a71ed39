"""The parts of a TrainingJob, its Job and its pods that the cache keeps. A spec is kept as JSON text."""

from collections.abc import Iterable
from typing import Any

from epochal_api.trainingjob.spec import KIND

from epochal_operator.pods.pod_template import CONTAINER, QUEUE_LABEL
from epochal_operator.runtime.api.bounded_reader import UNREAD
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.cache_transform import compress_spec, keep_metadata, pick
from epochal_operator.trainingjob.job.batch_job import SPEC_ANNOTATION, UID_LABEL, WRITTEN_ANNOTATION
from epochal_operator.trainingjob.job.continue_from import predecessor_name
from epochal_operator.trainingjob.pod.memory_limit import LIMIT_RANGER

_JOB_SPEC = ("parallelism", "suspend", "activeDeadlineSeconds", "backoffLimit", "managedBy")


def training_job(thing: Object, labels: Iterable[str] = ()) -> Object:
    """Return the cached part of a TrainingJob, with an outline of its spec and the spec as text: see `compress_spec`.

    Args:
        thing: The TrainingJob.
        labels: Labels that are kept even if the object has many.
    """
    spec = thing["spec"]
    return pick(thing, ("apiVersion", "kind", UNREAD)) | kept(thing, _outline(spec), labels) | compress_spec(spec)


def job(thing: Object) -> Object:
    """Return the cached part of a Job, without its pod template."""
    return kept(thing, pick(thing["spec"], _JOB_SPEC))


def pod(thing: Object) -> Object:
    """Return the cached part of a pod, without its copy of the pod template."""
    found = (one for one in thing["spec"].get("containers") or [] if one.get("name") == CONTAINER)
    containers = [{"name": CONTAINER, "resources": {"limits": _memory(one)}} for one in found]
    return kept(thing, pick(thing["spec"], ("nodeName",)) | {"containers": containers})


def kept(thing: Object, spec: dict[str, Any], labels: Iterable[str] = ()) -> dict[str, Any]:
    """Return the cached part of an object, with the given part of its spec."""
    labels = (UID_LABEL, QUEUE_LABEL, *labels)
    annotations = (SPEC_ANNOTATION, WRITTEN_ANNOTATION, LIMIT_RANGER)
    outline = keep_metadata(thing["metadata"], labels=labels, annotations=annotations, owner=KIND)
    return {"metadata": outline, "spec": spec, "status": thing.get("status") or {}}


def _memory(container: Object) -> Object:
    return pick((container.get("resources") or {}).get("limits") or {}, ("memory",))


def _outline(spec: Object) -> dict[str, Any]:
    """Return the parts of a TrainingJob's spec that metrics and its followers need."""
    training, scheduling, storage = (spec.get(name) or {} for name in ("training", "scheduling", "storage"))
    name = predecessor_name({"spec": spec})
    return {
        "framework": spec.get("framework"),
        "image": bool(spec.get("image")),  # whether the user has set it
        "storage": {"endpoint": bool(storage.get("endpoint"))},
        "scheduling": {"queueName": scheduling.get("queueName")},
        "training": {"epochs": training.get("epochs"), "continueFrom": {"name": name} if name else None},
    }
