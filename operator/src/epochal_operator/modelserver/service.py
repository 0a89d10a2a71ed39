"""The Service of a ModelServer, and its URL."""

from typing import Any

from epochal_api.modelserver import ModelServer

from epochal_operator.modelserver import metadata
from epochal_operator.modelserver.pod_template import HTTP, HTTPS
from epochal_operator.trainingjob.pod_template import Installation

Object = dict[str, Any]


def url(server: ModelServer) -> str:
    """Return the URL of a ModelServer within the cluster."""
    scheme = "https" if server.spec.tls else "http"
    return f"{scheme}://{server.metadata.name}.{server.metadata.namespace}.svc"


def service(server: ModelServer, installation: Installation) -> Object:
    """Return the Service of a ModelServer, as JSON."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata.metadata(server, installation),
        "spec": {
            "selector": metadata.selector(server),
            # Both ports, each for the pods that speak it: when spec.tls changes, older pods still answer.
            "ports": [
                {"name": name, "port": port, "targetPort": name, "protocol": "TCP", "appProtocol": name}
                for name, port in ((HTTP, 80), (HTTPS, 443))
            ],
        },
    }
