"""The table of objects that a ModelServer owns: they are watched, cached, created and corrected by it.

Each row needs permissions in the chart: rbac.yaml and operatorserverpolicy.yaml.
"""

from collections.abc import Callable
from dataclasses import dataclass

from epochal_api.modelserver import ModelServer
from epochal_api.modelserver_status import ServedModel

from epochal_operator.modelserver import trim
from epochal_operator.modelserver.autoscaler import autoscaler
from epochal_operator.modelserver.deployment import deployment
from epochal_operator.modelserver.disruption_budget import disruption_budget
from epochal_operator.modelserver.network_policy import network_policy
from epochal_operator.modelserver.service import service
from epochal_operator.runtime.api.resource import (
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    NETWORK_POLICIES,
    POD_DISRUPTION_BUDGETS,
    SERVICES,
    Object,
    Resource,
)
from epochal_operator.runtime.store import Trim
from epochal_operator.trainingjob.pod_template import Installation

Build = Callable[[ModelServer, ServedModel, Installation], Object | None]


@dataclass(frozen=True)
class Child:
    """A type of object that a ModelServer controls. The object has the name of the ModelServer.

    Args:
        resource: The resource of the object.
        build: Returns the desired object, or None for no object. The operator corrects the fields of its spec. Other
            clients may set all other fields.
        keep: Returns the cached fields of the object.
    """

    resource: Resource
    build: Build
    keep: Trim = trim.child


DEPLOYMENT = Child(DEPLOYMENTS, deployment, trim.deployment)
CHILDREN = (
    Child(NETWORK_POLICIES, lambda server, _, installation: network_policy(server, installation)),
    Child(SERVICES, lambda server, _, installation: service(server, installation)),
    Child(POD_DISRUPTION_BUDGETS, lambda server, _, installation: disruption_budget(server, installation)),
    DEPLOYMENT,
    Child(HORIZONTAL_POD_AUTOSCALERS, lambda server, _, installation: autoscaler(server, installation)),
)
"""The owned objects in the order of their creation: a pod is protected before it exists."""
