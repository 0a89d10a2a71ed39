"""The PodDisruptionBudget of a ModelServer: a drain evicts at most one pod at a time."""

from typing import Any

from epochal_api.modelserver import ModelServer

from epochal_operator.modelserver import metadata
from epochal_operator.trainingjob.pod_template import Installation

Object = dict[str, Any]


def disruption_budget(server: ModelServer, installation: Installation) -> Object:
    """Return the PodDisruptionBudget of a ModelServer, as JSON."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata.metadata(server, installation),
        "spec": {
            # minAvailable would block every drain of a ModelServer with one replica.
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": metadata.selector(server)},
        },
    }
