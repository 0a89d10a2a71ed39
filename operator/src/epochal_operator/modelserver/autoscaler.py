"""The HorizontalPodAutoscaler of a ModelServer with `spec.autoscaling`: it sets the ModelServer's own spec.replicas."""

from typing import Any

from epochal_api.kind import API_VERSION
from epochal_api.modelserver import KIND, ModelServer

from epochal_operator.modelserver import metadata
from epochal_operator.trainingjob.pod_template import Installation

Object = dict[str, Any]


def autoscaler(server: ModelServer, installation: Installation) -> Object | None:
    """Return the HorizontalPodAutoscaler of a ModelServer as JSON, or None without `spec.autoscaling`."""
    wanted = server.spec.autoscaling
    if wanted is None:
        return None
    target = {"type": "Utilization", "averageUtilization": wanted.target_cpu_utilization_percentage}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata.metadata(server, installation),
        "spec": {
            "scaleTargetRef": {"apiVersion": API_VERSION, "kind": KIND, "name": server.metadata.name},
            "minReplicas": wanted.min_replicas,
            "maxReplicas": wanted.max_replicas,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        },
    }
