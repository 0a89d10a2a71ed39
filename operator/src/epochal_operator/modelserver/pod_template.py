"""The pods of servers: containers, volumes, probes, environment and scheduling."""

from typing import Any

from epochal_api.model import quantity_value
from epochal_api.modelserver import config as server_config
from epochal_api.modelserver import pod as server_pod
from epochal_api.modelserver.spec import ModelServer
from epochal_api.modelserver.status import ServedModel

from epochal_operator.modelserver.config import is_converted
from epochal_operator.modelserver.resources import CONTAINER, CONVERTER
from epochal_operator.pods.installation import Installation
from epochal_operator.pods.pod_template import (
    Volume,
    annotation_path,
    container_defaults,
    credential_variables,
    mounts,
    non_empty,
    pod_defaults,
    storage_authority,
    volumes,
)

Object = dict[str, Any]

HTTP, HTTPS, METRICS = "http", "https", "metrics"
"""Names of the ports. The name of the model port shows whether a pod speaks HTTP or HTTPS: the Service selects pods of
both by port name.
"""

GRACE_SECONDS = server_pod.GRACE_SECONDS + 15
"""Seconds between SIGTERM and SIGKILL. Within `server_pod.GRACE_SECONDS`, the server stops to accept requests and
answers those that it has accepted. The rest of the time is for a server that is slow on a busy node.
"""
STARTUP_SECONDS = 120
"""Seconds until the first liveness probe of a server: the import of Keras alone takes ten seconds on a busy node."""
CONVERTER_RESOURCES: Object = {
    "requests": {"cpu": "100m", "memory": "1Gi"},
    "limits": {"cpu": "1", "memory": "2Gi"},
}
"""The minimum resources of the conversion with Keras and TensorFlow. All values are explicit, because a ResourceQuota
may require them.
"""
_DEFAULT_RESOURCES: dict[server_config.Runtime, Object] = {
    "ONNX": {"requests": {"cpu": "1", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}},
    "Keras": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "2Gi"}},
}
_SECRET_FILE_MODE = 0o440


def pod_spec(server: ModelServer, model: ServedModel, installation: Installation, selector: Object) -> Object:
    """Return the spec of a server's pod, as JSON."""
    spec = server.spec
    shared, secrets = _shared_volumes(server, installation), _secret_volumes(server)
    converter = [_converter(server, installation, mounts(shared))] if is_converted(model) else []
    return {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        **pod_defaults(spec.service_account_name, spec.scheduling, spec.image_pull_secrets),
        "topologySpreadConstraints": [
            {
                "topologyKey": "kubernetes.io/hostname",
                "maxSkew": 1,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": selector},
                "matchLabelKeys": ["pod-template-hash"],
            }
        ],
        **non_empty(initContainers=converter),
        "containers": [_server(server, model, installation, mounts([*shared, *secrets]))],
        "volumes": volumes((*shared, *secrets)),
    }


def resources(server: ModelServer, model: ServedModel) -> Object:
    """Return the resources of a server's container.

    A spec that sets only the memory keeps the default CPU.
    """
    requests, limits = server.spec.resources.requests, server.spec.resources.limits
    default = {
        field: {name: quantity for name, quantity in quantities.items() if name not in {*requests, *limits}}
        for field, quantities in _DEFAULT_RESOURCES[model.runtime].items()
    }
    return non_empty(requests=default["requests"] | requests, limits=default["limits"] | limits)


def _server(server: ModelServer, model: ServedModel, installation: Installation, volume_mounts: list[Object]) -> Object:
    image = installation.trainer_image if model.runtime == "Keras" else installation.server_image
    return {
        "name": CONTAINER,
        "image": image,
        "command": ["epochal-server"],
        "env": credential_variables(server.spec.storage),
        "resources": resources(server, model),
        "ports": [
            {"name": _port(server), "containerPort": server_pod.HTTP_PORT},
            {"name": METRICS, "containerPort": server_pod.METRICS_PORT},
        ],
        # A startup probe would delay readiness: the kubelet then finds a server ready a whole second after its
        # container runs, even if the server answers at once. Without a startup probe the delay is 0.02 s.
        "readinessProbe": _probe(server, "ready", periodSeconds=1, timeoutSeconds=3, failureThreshold=3),
        "livenessProbe": _probe(
            server, "live", initialDelaySeconds=STARTUP_SECONDS, periodSeconds=10, timeoutSeconds=5, failureThreshold=3
        ),
        **container_defaults(),
        "volumeMounts": volume_mounts,
    }


def _converter(server: ModelServer, installation: Installation, volume_mounts: list[Object]) -> Object:
    return {
        "name": CONVERTER,
        "image": installation.trainer_image,
        "command": ["epochal-trainer", "convert"],
        "env": credential_variables(server.spec.storage),
        "resources": _converter_resources(server),
        **container_defaults(),
        "volumeMounts": volume_mounts,
    }


def _converter_resources(server: ModelServer) -> Object:
    """Return the resources of the conversion: the default, with the server's memory limit if that is larger."""
    requests, limits = CONVERTER_RESOURCES["requests"], CONVERTER_RESOURCES["limits"]
    memory = max(limits["memory"], server.spec.resources.limits.get("memory", "0"), key=quantity_value)
    return {"requests": requests, "limits": limits | {"memory": memory}}


def _port(server: ModelServer) -> str:
    return HTTPS if server.spec.tls else HTTP


def _probe(server: ModelServer, path: str, **timing: int) -> Object:
    scheme = {"scheme": "HTTPS"} if server.spec.tls else {}
    return {"httpGet": {"path": f"/v2/health/{path}", "port": _port(server)} | scheme, **timing}


def _shared_volumes(server: ModelServer, installation: Installation) -> list[Volume]:
    """Return the name, mount path and source of the volumes that both the server and the conversion mount."""
    folder, file = server_pod.SERVER_FILE.rsplit("/", 1)
    item = {"path": file, "fieldRef": {"fieldPath": annotation_path(server_pod.SERVER_ANNOTATION)}}
    return [
        ("config", folder, {"downwardAPI": {"items": [item]}}),
        ("model", server_pod.MODEL_FOLDER, {"emptyDir": {"sizeLimit": installation.scratch_limit}}),
        ("tmp", "/tmp", {"emptyDir": {"sizeLimit": installation.tmp_limit}}),  # noqa: S108
        *storage_authority(server.spec.storage),
    ]


def _secret_volumes(server: ModelServer) -> list[Volume]:
    """Return the volumes that only the server mounts: the Secrets of its bearer keys and TLS certificate, if set."""
    volumes: list[Volume] = []
    if auth := server.spec.auth:
        source = {"secretName": auth.secret_ref.name, "defaultMode": _SECRET_FILE_MODE}
        volumes.append(("auth", server_pod.AUTH_FOLDER, {"secret": source}))
    if tls := server.spec.tls:
        items = [{"key": key, "path": key} for key in ("tls.crt", "tls.key")]
        source = {"secretName": tls.secret_ref.name, "items": items, "defaultMode": _SECRET_FILE_MODE}
        volumes.append(("tls", server_pod.TLS_FOLDER, {"secret": source}))
    return volumes
