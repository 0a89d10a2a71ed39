"""The Deployment of a ModelServer, and the rules by which its pod template stays unchanged.

A newer operator may have another image or build pods differently. That alone must not restart pods. The template has an
annotation with a digest of its inputs. While the inputs are equal and no other client has changed the template, the
operator keeps it. After `kubectl rollout restart`, the operator builds the template again.
"""

import json
from collections.abc import Mapping
from typing import Any

from epochal_api.kind import GROUP
from epochal_api.modelserver.pod import SERVER_ANNOTATION
from epochal_api.modelserver.spec import ModelServer
from epochal_api.modelserver.status import ServedModel

from epochal_operator.modelserver import config, pod_template
from epochal_operator.modelserver.cache_transform import digest
from epochal_operator.modelserver.model_annotation import MODEL_ANNOTATION, encode
from epochal_operator.modelserver.resources import (
    DEADLINE_SECONDS,
    INPUTS_ANNOTATION,
    RESTARTED_ANNOTATION,
    REVISION_ANNOTATION,
    TEMPLATE_ANNOTATION,
    child_metadata,
    selector,
)
from epochal_operator.pods.installation import Installation

Object = dict[str, Any]

REVISION_HISTORY_LIMIT = 3
"""The number of old ReplicaSets that the Deployment keeps."""


def deployment(server: ModelServer, model: ServedModel, installation: Installation) -> Object:
    """Return the Deployment of a ModelServer, as JSON.

    Raises:
        NoStorageEndpoint: If neither the ModelServer nor the installation names an endpoint.
    """
    server_config = config.encode(config.server_config(server, model, installation.storage_endpoint))
    metadata, pod_labels = child_metadata(server, installation), selector(server)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata | {"annotations": {MODEL_ANNOTATION: encode(model)}},
        "spec": {
            "replicas": server.spec.replicas,
            "paused": server.spec.paused,
            "revisionHistoryLimit": REVISION_HISTORY_LIMIT,
            "progressDeadlineSeconds": DEADLINE_SECONDS,
            "selector": {"matchLabels": pod_labels},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {
                "metadata": {
                    "labels": metadata["labels"],
                    "annotations": {
                        SERVER_ANNOTATION: server_config,
                        INPUTS_ANNOTATION: _inputs_digest(server, model, server_config),
                    },
                },
                "spec": pod_template.pod_spec(server, model, installation, pod_labels),
            },
        },
    }


def _inputs_digest(server: ModelServer, model: ServedModel, server_config: str) -> str:
    """Return a digest of the inputs of a pod template: the ModelServer's spec, its model and the server configuration.

    The digest does not cover values that belong to the operator, such as images: its upgrade must not restart pods.
    """
    spec = server.spec
    inputs = {
        "config": json.loads(server_config),
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
    return digest({name: value for name, value in inputs.items() if value not in (None, {}, [], False)})


def template_inputs(desired: Mapping[str, Any]) -> str:
    """Return the digest that `_inputs_digest` has written into the pod template of a desired Deployment."""
    return str(desired["spec"]["template"]["metadata"]["annotations"][INPUTS_ANNOTATION])


def rollout_id(cached: Mapping[str, Any]) -> str:
    """Return the identifier of a cached Deployment's current rollout.

    A later rollout to the same pod template has a different identifier.
    """
    revision = (cached["metadata"].get("annotations") or {}).get(REVISION_ANNOTATION, "")
    return f"{cached['metadata']['uid']}/{revision}/{cached['spec']['template']['inputs']}"


def replacement(live: Mapping[str, Any], desired: Mapping[str, Any]) -> Object:
    """Return a Deployment to write: the live Deployment with the desired spec, labels and annotations.

    Annotations of other clients stay, in the pod template too. The annotations about the previous pod template are
    removed.
    """
    live_annotations = live["spec"]["template"]["metadata"].get("annotations") or {}
    foreign = {name: text for name, text in live_annotations.items() if not name.startswith(f"{GROUP}/")}
    template = desired["spec"]["template"]
    metadata = template["metadata"] | {"annotations": foreign | template["metadata"]["annotations"]}
    annotations = (live["metadata"].get("annotations") or {}) | desired["metadata"]["annotations"]
    for name in (TEMPLATE_ANNOTATION, RESTARTED_ANNOTATION):
        annotations.pop(name, None)  # they are set later, from the template that the API server returns
    labels = (live["metadata"].get("labels") or {}) | desired["metadata"]["labels"]
    return {
        **live,
        "metadata": {**live["metadata"], "annotations": annotations, "labels": labels},
        "spec": {**live["spec"], **desired["spec"], "template": {**template, "metadata": metadata}},
    }
