"""The NetworkPolicy of a ModelServer, if the installation has rules for the traffic of servers."""

from typing import Any

from epochal_api.modelserver import ModelServer

from epochal_operator.modelserver import metadata
from epochal_operator.trainingjob.pod_template import Installation

Object = dict[str, Any]


def network_policy(server: ModelServer, installation: Installation) -> Object | None:
    """Return the NetworkPolicy of a ModelServer as JSON, or None if the installation has no rules."""
    rules = installation.server_network
    if rules is None:
        return None
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata.metadata(server, installation),
        "spec": {
            "podSelector": {"matchLabels": metadata.selector(server)},
            "policyTypes": ["Ingress", *(["Egress"] if "egress" in rules else [])],
            **rules,
        },
    }
