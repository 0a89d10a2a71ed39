"""The Service of a ModelServer: its address."""

from typing import Any

from epochal_api.modelserver import ModelServer

from epochal_operator.modelserver import metadata
from epochal_operator.modelserver.pod_template import HTTP, HTTPS
from epochal_operator.trainingjob.pod_template import Installation

Object = dict[str, Any]


def url(server: ModelServer) -> str:
    """Returns the address of a ModelServer within the cluster."""
    scheme = "https" if server.spec.tls else "http"
    return f"{scheme}://{server.metadata.name}.{server.metadata.namespace}.svc"


def service(server: ModelServer, installation: Installation) -> Object:
    """Returns the Service of a ModelServer, as JSON."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata.metadata(server, installation),
        "spec": {
            "selector": metadata.selector(server),
            # Both, each with the pods that speak it: where spec.tls comes or goes, those of before answer as they did.
            "ports": [
                {"name": name, "port": port, "targetPort": name, "protocol": "TCP", "appProtocol": name}
                for name, port in ((HTTP, 80), (HTTPS, 443))
            ],
        },
    }
