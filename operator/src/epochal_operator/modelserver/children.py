"""The children of a ModelServer: the table by which they are watched, cached, created, corrected and deleted.

Each row needs permissions in the chart: rbac.yaml and policy-operator-server.yaml. A test compares them with the table.
"""

from typing import Any

from epochal_api.kind import API_VERSION
from epochal_api.modelserver.spec import KIND, ModelServer
from epochal_api.modelserver.status import ServedModel

from epochal_operator.modelserver import cache_transform
from epochal_operator.modelserver.deployment import deployment
from epochal_operator.modelserver.observed import Observed
from epochal_operator.modelserver.pod_template import HTTP, HTTPS
from epochal_operator.modelserver.pods import protocols
from epochal_operator.modelserver.resources import NAME_LABEL, child_metadata, selector
from epochal_operator.pods.installation import Installation
from epochal_operator.runtime.api.resource import (
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    NETWORK_POLICIES,
    POD_DISRUPTION_BUDGETS,
    PODS,
    REPLICA_SETS,
    SERVICES,
    Resource,
)
from epochal_operator.runtime.owners import OwnedType

Object = dict[str, Any]


def url(server: ModelServer) -> str:
    """Return the URL of a ModelServer within the cluster."""
    scheme = "https" if server.spec.tls else "http"
    return f"{scheme}://{server.metadata.name}.{server.metadata.namespace}.svc"


def service(server: ModelServer, _: ServedModel, installation: Installation, observed: Observed) -> Object:
    """Return the Service of a ModelServer, as JSON, with port 443 if spec.tls is set, otherwise port 80.

    After a change of spec.tls, the Service keeps the previous port as long as earlier pods serve it. Then the port is
    removed, because a client of a port without pods would hang.
    """
    offered = protocols(observed.pods) | {HTTPS if server.spec.tls else HTTP}
    ports = [
        {"name": name, "port": port, "targetPort": name, "protocol": "TCP", "appProtocol": name}
        for name, port in ((HTTP, 80), (HTTPS, 443))
        if name in offered
    ]
    return _child(SERVICES, server, installation, {"selector": selector(server), "ports": ports})


def disruption_budget(server: ModelServer, _: ServedModel, installation: Installation, _observed: Observed) -> Object:
    """Return the PodDisruptionBudget of a ModelServer, as JSON: a drain evicts at most one pod at a time."""
    spec = {
        # minAvailable would block every drain of a ModelServer with one replica.
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": selector(server)},
    }
    return _child(POD_DISRUPTION_BUDGETS, server, installation, spec)


def autoscaler(server: ModelServer, _: ServedModel, installation: Installation, _observed: Observed) -> Object | None:
    """Return the HorizontalPodAutoscaler of a ModelServer as JSON, or None without `spec.autoscaling`.

    The autoscaler changes spec.replicas of the ModelServer, not of the Deployment.
    """
    autoscaling = server.spec.autoscaling
    if autoscaling is None:
        return None
    target = {"type": "Utilization", "averageUtilization": autoscaling.target_cpu_utilization_percentage}
    spec = {
        "scaleTargetRef": {"apiVersion": API_VERSION, "kind": KIND, "name": server.metadata.name},
        "minReplicas": autoscaling.min_replicas,
        "maxReplicas": autoscaling.max_replicas,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    return _child(HORIZONTAL_POD_AUTOSCALERS, server, installation, spec)


def network_policy(
    server: ModelServer, _: ServedModel, installation: Installation, _observed: Observed
) -> Object | None:
    """Return the NetworkPolicy of a ModelServer as JSON, or None if the installation has no rules."""
    rules = installation.server_network
    if rules is None:
        return None
    types = ["Ingress", *(["Egress"] if "egress" in rules else [])]
    spec = {"podSelector": {"matchLabels": selector(server)}, "policyTypes": types, **rules}
    return _child(NETWORK_POLICIES, server, installation, spec)


def _deployment(server: ModelServer, model: ServedModel, installation: Installation, _: Observed) -> Object:
    """Return the Deployment of a ModelServer, which does not depend on the observed state."""
    return deployment(server, model, installation)


def _child(resource: Resource, server: ModelServer, installation: Installation, spec: Object) -> Object:
    metadata = child_metadata(server, installation)
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, "spec": spec}


_CHILD = cache_transform.child
DEPLOYMENT = OwnedType(DEPLOYMENTS, NAME_LABEL, cache_transform.deployment, _deployment)
SERVICE = OwnedType(SERVICES, NAME_LABEL, _CHILD, service)
CHILDREN = (
    OwnedType(NETWORK_POLICIES, NAME_LABEL, _CHILD, network_policy, is_optional=True),
    SERVICE,
    OwnedType(POD_DISRUPTION_BUDGETS, NAME_LABEL, _CHILD, disruption_budget),
    DEPLOYMENT,
    OwnedType(HORIZONTAL_POD_AUTOSCALERS, NAME_LABEL, _CHILD, autoscaler, is_optional=True),
)
"""The owned objects in the order of their creation: a pod is protected before it exists. Each `build` takes the
ModelServer, the served model, the installation and the observed state."""
OWNED_REPLICA_SETS = OwnedType(REPLICA_SETS, NAME_LABEL, cache_transform.replica_set)
OWNED_PODS = OwnedType(PODS, NAME_LABEL, cache_transform.pod)
"""Objects that the controllers of the Deployment create."""
