"""The PodDisruptionBudget of a ModelServer: a drain takes away one pod at a time."""

from typing import Any

from epochal_api.modelserver import ModelServer

from epochal_operator.modelserver import metadata
from epochal_operator.trainingjob.pod_template import Installation

Object = dict[str, Any]


def disruption_budget(server: ModelServer, installation: Installation) -> Object:
    """Returns the PodDisruptionBudget of a ModelServer, as JSON."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata.metadata(server, installation),
        "spec": {
            # Not minAvailable: with one replica that would hold up every drain.
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": metadata.selector(server)},
        },
    }
