"""The fields of ModelServers, their owned objects, TrainingJobs and Experiments that the cache keeps."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from epochal_api.experiment.spec import EXPERIMENT_LABEL
from epochal_api.kind import GROUP
from epochal_api.modelserver.spec import KIND

from epochal_operator.modelserver.model_annotation import MAX_LENGTH, MODEL_ANNOTATION
from epochal_operator.modelserver.pod_template import HTTP, HTTPS
from epochal_operator.modelserver.resources import (
    CONTAINER,
    CONVERTER,
    INPUTS_ANNOTATION,
    NAME_LABEL,
    RESTART_ANNOTATION,
    RESTARTED_ANNOTATION,
    REVISION_ANNOTATION,
    TEMPLATE_ANNOTATION,
    UID_LABEL,
)
from epochal_operator.runtime.api.bounded_reader import SPEC_OMITTED
from epochal_operator.runtime.api.resource import Object, part
from epochal_operator.runtime.cache_transform import MAX_NAME, bounded_metadata, compress_spec, pick

MAX_FIELD_LENGTH = 1024
"""Maximum length of a cached spec field, as JSON, in characters. For a longer field, the cache keeps a digest."""
_LABELS = (NAME_LABEL, UID_LABEL)


def model_server(server: Object, labels: Iterable[str] = ()) -> Object:
    """Return the cached fields of a ModelServer: metadata, status, spec as JSON text, and references in spec.source.

    Args:
        server: The ModelServer.
        labels: Labels that are kept even if the ModelServer has more labels than the cache keeps.
    """
    source = part(server["spec"], "source")
    names = (name for name in ("trainingJobRef", "experimentRef") if name in source)
    return (
        pick(server, ("apiVersion", "kind", SPEC_OMITTED))
        | {
            "metadata": bounded_metadata(server["metadata"], labels=labels),
            "spec": {"source": {name: pick(part(source, name), ("name",)) for name in names}},
            "status": server.get("status") or {},
        }
        | compress_spec(server["spec"])
    )


def deployment(deployment: Object) -> Object:
    """Return the cached fields of a Deployment, with digests instead of its pod template to detect changes."""
    metadata = _metadata(deployment)
    names = (MODEL_ANNOTATION, TEMPLATE_ANNOTATION, RESTARTED_ANNOTATION, REVISION_ANNOTATION)
    annotations = pick(deployment["metadata"].get("annotations") or {}, names)
    metadata["annotations"] = {name: text for name, text in annotations.items() if len(text) <= MAX_LENGTH}
    spec = {name: value for name, value in deployment["spec"].items() if name not in {"template", "selector"}}
    template = deployment["spec"].get("template") or {}
    template_annotations = part(part(template, "metadata"), "annotations")
    digests = {"digest": template_digest(template), "inputs": template_annotations.get(INPUTS_ANNOTATION)}
    return {
        "metadata": metadata,
        "spec": spec | {"template": digests},
        "status": deployment.get("status") or {},
        "restarted": str(template_annotations.get(RESTART_ANNOTATION) or "")[:MAX_NAME],
    }


def template_digest(template: Mapping[str, Any]) -> str:
    """Return a digest of a pod template as the API server stores it, without annotations of other clients.

    `kubectl rollout restart` writes such an annotation. An upgrade of Kubernetes does not change the digest: it never
    adds new defaults to existing pod templates, because that would restart the pods of all Deployments.
    """
    metadata = template.get("metadata") or {}
    annotations = metadata.get("annotations") or {}
    own = {name: text for name, text in annotations.items() if name.startswith(f"{GROUP}/")}
    return digest({"labels": metadata.get("labels") or {}, "annotations": own, "spec": template.get("spec") or {}})


def child(child: Object) -> Object:
    """Return the cached fields of a Service, PodDisruptionBudget, HorizontalPodAutoscaler or NetworkPolicy."""
    spec = child.get("spec") or {}
    return {"metadata": _metadata(child), "spec": {name: value_or_digest(value) for name, value in spec.items()}}


def value_or_digest(value: Any) -> Any:
    """Return a spec field, or its digest if its JSON is longer than MAX_FIELD_LENGTH. Both suffice to find changes."""
    return value if len(json.dumps(value)) <= MAX_FIELD_LENGTH else f"sha256:{digest(value)}"


def digest(value: Any) -> str:
    """Return the SHA-256 of a JSON value, in hex."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def replica_set(replica_set: Object) -> Object:
    """Return the cached fields of a ReplicaSet: the metadata with its owners."""
    return {"metadata": _metadata(replica_set)}


def pod(pod: Object) -> Object:
    """Return the cached fields of a pod: metadata, phase, conditions, node, ports, and Epochal's own containers."""
    spec, status = pod["spec"], pod.get("status") or {}
    containers = [*_own_containers(spec.get("initContainers")), *_own_containers(spec.get("containers"))]
    memory = {item["name"]: part(part(item, "resources"), "limits").get("memory") for item in containers}
    ports = {str(port.get("name")) for item in containers for port in item.get("ports") or []}
    statuses = ("containerStatuses", "initContainerStatuses")
    return {
        "metadata": bounded_metadata(pod["metadata"], labels=_LABELS, annotations=(INPUTS_ANNOTATION,)),
        "spec": pick(spec, ("nodeName",)) | {"memory": memory, "ports": sorted(ports & {HTTP, HTTPS})},
        "status": pick(status, ("phase", "conditions", "podIP", "reason", "message"))
        | {name: _own_containers(status[name]) for name in statuses if name in status},
    }


def training_job(job: Object) -> Object:
    """Return the cached fields of a TrainingJob: metadata, state, conditions, stored models and best epoch."""
    status = pick(job.get("status") or {}, ("state", "conditions", "results", "best"))
    return {"metadata": bounded_metadata(job["metadata"], labels=(EXPERIMENT_LABEL,)), "status": status}


def experiment(experiment: Object) -> Object:
    """Return the cached fields of an Experiment: metadata, state, best trial and the strategy of its objective."""
    status = pick(experiment.get("status") or {}, ("state", "best"))
    objective = pick(part(experiment["spec"], "objective"), ("strategy",))
    return {"metadata": bounded_metadata(experiment["metadata"]), "spec": {"objective": objective}, "status": status}


def _metadata(child: Object) -> dict[str, Any]:
    return bounded_metadata(child["metadata"], labels=_LABELS, owner=KIND)


def _own_containers(containers: list[Any] | None) -> list[Any]:
    return [container for container in containers or [] if container.get("name") in {CONTAINER, CONVERTER}]
