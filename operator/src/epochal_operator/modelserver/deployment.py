"""The Deployment of a ModelServer, and the rules by which its pod template stays unchanged.

A newer operator may have another image or build pods differently. That alone must not restart pods. The template has an
annotation with a digest of its inputs. While the inputs are equal and no other client has changed the template, the
operator keeps it. After `kubectl rollout restart`, the operator builds the template again.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from epochal_api.kind import GROUP
from epochal_api.modelserver.pod import SERVER_ANNOTATION
from epochal_api.modelserver.spec import ModelServer
from epochal_api.modelserver.status import ServedModel

from epochal_operator.modelserver import config, pod_template
from epochal_operator.modelserver.pin import MODEL_ANNOTATION, encode
from epochal_operator.modelserver.resources import DEADLINE_SECONDS, INPUTS_ANNOTATION, child_metadata, selector
from epochal_operator.pods.installation import Installation

Object = dict[str, Any]

TEMPLATE_ANNOTATION = f"{GROUP}/template-sha256"
"""Annotation of the Deployment: digest of its pod template as the API server stores it, with defaults."""
RESTART_ANNOTATION = "kubectl.kubernetes.io/restartedAt"
"""Annotation of the pod template that `kubectl rollout restart` writes."""
RESTARTED_ANNOTATION = f"{GROUP}/restarted-at"
"""Annotation of the Deployment: the latest manual restart for which its template was built again, or empty."""
REVISION_ANNOTATION = "deployment.kubernetes.io/revision"
"""Annotation of the Deployment in which its controller counts rollouts, including rollouts to an earlier template."""
HISTORY = 3
"""The number of old ReplicaSets that the Deployment keeps."""


def deployment(server: ModelServer, model: ServedModel, installation: Installation) -> Object:
    """Return the Deployment of a ModelServer.

    Args:
        server: The ModelServer.
        model: The model that the ModelServer serves.
        installation: The settings with which Epochal was installed.

    Returns:
        The Deployment, as JSON.

    Raises:
        NoStorageEndpoint: If neither the ModelServer nor the installation names an endpoint.
    """
    told = config.encode(config.config(server, model, installation.storage_endpoint))
    about, selected = child_metadata(server, installation), selector(server)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": about | {"annotations": {MODEL_ANNOTATION: encode(model)}},
        "spec": {
            "replicas": server.spec.replicas,
            "paused": server.spec.paused,
            "revisionHistoryLimit": HISTORY,
            "progressDeadlineSeconds": DEADLINE_SECONDS,
            "selector": {"matchLabels": selected},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {
                "metadata": {
                    "labels": about["labels"],
                    "annotations": {SERVER_ANNOTATION: told, INPUTS_ANNOTATION: inputs(server, model, told)},
                },
                "spec": pod_template.pod_spec(server, model, installation, selected),
            },
        },
    }


def inputs(server: ModelServer, model: ServedModel, told: str) -> str:
    """Return a digest of the inputs of a pod template, without the inputs that belong to the operator.

    Args:
        server: The ModelServer.
        model: The model that the ModelServer serves.
        told: The server configuration, as JSON.
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
    """Return the digest of the inputs from the pod template of a Deployment.

    Args:
        wanted: The Deployment as the operator builds it.
    """
    return str(wanted["spec"]["template"]["metadata"]["annotations"][INPUTS_ANNOTATION])


def template_digest(template: Mapping[str, Any]) -> str:
    """Return a digest of a pod template as the API server stores it, without annotations of others.

    `kubectl rollout restart` writes such an annotation. Kubernetes never adds a default to existing pod templates,
    because all Deployments would roll out.
    """
    about = template.get("metadata") or {}
    own = {name: text for name, text in (about.get("annotations") or {}).items() if name.startswith(f"{GROUP}/")}
    return _digest({"labels": about.get("labels") or {}, "annotations": own, "spec": template.get("spec") or {}})


def rollout(thing: Mapping[str, Any]) -> str:
    """Return the identifier of a rollout, which differs from an earlier rollout to the same template.

    Args:
        thing: The cached Deployment.
    """
    revision = (thing["metadata"].get("annotations") or {}).get(REVISION_ANNOTATION, "")
    return f"{thing['metadata']['uid']}/{revision}/{thing['spec']['template']['inputs']}"


def renewed(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> Object:
    """Return a Deployment to write: the desired spec, with all other fields of the live object.

    Annotations of others in the pod template stay.

    Args:
        live: The Deployment from the API server.
        wanted: The desired Deployment.
    """
    theirs = live["spec"]["template"]["metadata"].get("annotations") or {}
    others = {name: text for name, text in theirs.items() if not name.startswith(f"{GROUP}/")}
    template = wanted["spec"]["template"]
    about = template["metadata"] | {"annotations": others | template["metadata"]["annotations"]}
    annotations = (live["metadata"].get("annotations") or {}) | wanted["metadata"]["annotations"]
    for noted in (TEMPLATE_ANNOTATION, RESTARTED_ANNOTATION):
        annotations.pop(noted, None)  # they are set later, from the template that the API server returns
    labels = (live["metadata"].get("labels") or {}) | wanted["metadata"]["labels"]
    return {
        **live,
        "metadata": {**live["metadata"], "annotations": annotations, "labels": labels},
        "spec": {**live["spec"], **wanted["spec"], "template": {**template, "metadata": about}},
    }


def _digest(parts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
