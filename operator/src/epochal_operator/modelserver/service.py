"""The Service of a ModelServer: its address."""

from typing import Any

from epochal_api.modelserver import ModelServer

from epochal_operator.modelserver import metadata
from epochal_operator.modelserver.pod_template import HTTP
from epochal_operator.trainingjob.pod_template import Installation

Object = dict[str, Any]


def url(server: ModelServer) -> str:
    """Returns the address of a ModelServer within the cluster."""
    scheme = "https" if server.spec.tls else "http"
    return f"{scheme}://{server.metadata.name}.{server.metadata.namespace}.svc"


def service(server: ModelServer, installation: Installation) -> Object:
    """Returns the Service of a ModelServer, as JSON."""
    name, port = ("https", 443) if server.spec.tls else ("http", 80)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata.metadata(server, installation),
        "spec": {
            "selector": metadata.selector(server),
            "ports": [{"name": name, "port": port, "targetPort": HTTP, "protocol": "TCP", "appProtocol": name}],
        },
    }
