"""The Deployment of a ModelServer, and what of it stays as it is.

A newer operator may have another image, or make pods in another way. That alone is no reason to restart any: what a
template was made of is noted in it as a digest. As long as that is the same, and nobody has changed the template, it
stays as it is. Whoever restarts them by hand (`kubectl rollout restart`) has them made as they are made now.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from epochal_api.kind import GROUP
from epochal_api.modelserver import ModelServer
from epochal_api.modelserver_status import ServedModel
from epochal_api.server_pod import SERVER_ANNOTATION

from epochal_operator.modelserver import config, metadata, pod_template
from epochal_operator.modelserver.pin import MODEL_ANNOTATION, encode
from epochal_operator.trainingjob.pod_template import Installation

Object = dict[str, Any]

INPUTS_ANNOTATION = f"{GROUP}/inputs-sha256"
"""Annotation of the pod template: digest of what it was made of, without what is the operator's own."""
TEMPLATE_ANNOTATION = f"{GROUP}/template-sha256"
"""Annotation of the Deployment: digest of its pod template as the API server has it, defaults and all."""
RESTART_ANNOTATION = "kubectl.kubernetes.io/restartedAt"
"""Annotation of the pod template that `kubectl rollout restart` writes."""
RESTARTED_ANNOTATION = f"{GROUP}/restarted-at"
"""Annotation of the Deployment: the restart by hand that its template has been made anew for, or nothing."""
REVISION_ANNOTATION = "deployment.kubernetes.io/revision"
"""Annotation of the Deployment by which its controller counts rollouts, those to what was there before, too."""
DEADLINE_SECONDS = 600
"""How long a rollout may take until it counts as failed: as long as Kubernetes lets it by default."""
HISTORY = 3
"""Old ReplicaSets that are kept."""


def deployment(server: ModelServer, model: ServedModel, installation: Installation) -> Object:
    """Returns the Deployment of a ModelServer.

    Args:
        server: The ModelServer.
        model: The model that it serves.
        installation: What was set when Epochal was installed.

    Returns:
        The Deployment as JSON.

    Raises:
        NoStorageEndpoint: If no storage endpoint is known.
    """
    labels, selector = metadata.labels(server, installation), metadata.selector(server)
    told = config.encode(config.config(server, model, installation.storage_endpoint))
    about = metadata.metadata(server, installation)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": about | {"annotations": {MODEL_ANNOTATION: encode(model)}},
        "spec": {
            "replicas": server.spec.replicas,
            "paused": server.spec.paused,
            "revisionHistoryLimit": HISTORY,
            "progressDeadlineSeconds": DEADLINE_SECONDS,
            "selector": {"matchLabels": selector},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {
                "metadata": {
                    "labels": labels,
                    "annotations": {SERVER_ANNOTATION: told, INPUTS_ANNOTATION: inputs(server, model, told)},
                },
                "spec": pod_template.pod_spec(server, model, installation, selector),
            },
        },
    }


def inputs(server: ModelServer, model: ServedModel, told: str) -> str:
    """Returns a digest of what a pod template is made of, without what an operator brings with it.

    Args:
        server: The ModelServer.
        model: The model that it serves.
        told: What its server is told.
    """
    spec = server.spec
    parts = {
        "config": json.loads(told),
        "runtime": model.runtime,
        "converted": config.is_converted(model),
        "resources": spec.resources.model_dump(mode="json", exclude_defaults=True),
        "scheduling": spec.scheduling.model_dump(mode="json", exclude_defaults=True),
        "serviceAccountName": spec.service_account_name,
        "imagePullSecrets": [secret.name for secret in spec.image_pull_secrets],
        "storage": spec.storage.model_dump(mode="json", exclude_defaults=True),
        "auth": spec.auth.secret_ref.name if spec.auth else None,
        "tls": spec.tls.secret_ref.name if spec.tls else None,
    }
    return _digest({name: value for name, value in parts.items() if value not in (None, {}, [], False)})


def inputs_of(wanted: Mapping[str, Any]) -> str:
    """Return the digest that the pod template of a Deployment bears.

    Args:
        wanted: The Deployment as the operator builds it.
    """
    return str(wanted["spec"]["template"]["metadata"]["annotations"][INPUTS_ANNOTATION])


def template_digest(template: Mapping[str, Any]) -> str:
    """Returns a digest of a pod template as the API server has it, without annotations of others.

    Of those `kubectl rollout restart` writes one. Kubernetes never adds a default to pod templates that there are: all
    Deployments would roll out by it.
    """
    about = template.get("metadata") or {}
    own = {name: text for name, text in (about.get("annotations") or {}).items() if name.startswith(f"{GROUP}/")}
    return _digest({"labels": about.get("labels") or {}, "annotations": own, "spec": template.get("spec") or {}})


def rollout(thing: Mapping[str, Any]) -> str:
    """Returns what tells a rollout from others, such as those to the same template an hour ago.

    Args:
        thing: The Deployment as it is kept.
    """
    revision = (thing["metadata"].get("annotations") or {}).get(REVISION_ANNOTATION, "")
    return f"{thing['metadata']['uid']}/{revision}/{thing['spec']['template']['inputs']}"


def renewed(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> Object:
    """Returns a Deployment as it is to be written: all of its spec as wanted, and what else there is as it is.

    Annotations that others have put into the template stay.

    Args:
        live: The Deployment as the API server has it.
        wanted: The Deployment as it should be.
    """
    theirs = live["spec"]["template"]["metadata"].get("annotations") or {}
    others = {name: text for name, text in theirs.items() if not name.startswith(f"{GROUP}/")}
    template = wanted["spec"]["template"]
    about = template["metadata"] | {"annotations": others | template["metadata"]["annotations"]}
    annotations = (live["metadata"].get("annotations") or {}) | wanted["metadata"]["annotations"]
    for noted in (TEMPLATE_ANNOTATION, RESTARTED_ANNOTATION):
        annotations.pop(noted, None)  # which are noted of what the API server has by then, defaults and all
    labels = (live["metadata"].get("labels") or {}) | wanted["metadata"]["labels"]
    return {
        **live,
        "metadata": {**live["metadata"], "annotations": annotations, "labels": labels},
        "spec": {**live["spec"], **wanted["spec"], "template": {**template, "metadata": about}},
    }


def _digest(parts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
