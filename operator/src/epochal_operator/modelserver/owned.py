"""What a ModelServer owns: a table by which it is watched, kept, made and put right.

Whatever stands here needs its leave in the chart, too: rbac.yaml and operatorserverpolicy.yaml.
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
from epochal_operator.runtime.resource import (
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
    """An object that a ModelServer controls, and that has its name.

    Args:
        resource: Its resource.
        build: Returns what it should be, or None if there should be none. What it says of the spec is put right where
            it differs; what it does not mention is others' to write.
        keep: Returns what the store keeps of it.
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
"""In the order in which they are made: a pod is protected before it is there."""
