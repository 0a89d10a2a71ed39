"""The observed state of a ModelServer: its model, its owned objects and its pods."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from epochal_api.modelserver.status import Tensor

from epochal_operator.modelserver.pods import is_current
from epochal_operator.modelserver.reasons import StatusCause
from epochal_operator.modelserver.source import DeletedTrainingJob, ResolvedModel
from epochal_operator.runtime.api.resource import DEPLOYMENTS, Object
from epochal_operator.runtime.owners import ObservedChild


@dataclass(frozen=True)
class ModelMetadata:
    """The inputs and outputs of a model, as its pods report them.

    Args:
        model: The file, runtime and signature of the model, see `metadata_key`.
        inputs: The input tensors.
        outputs: The output tensors.
        signatures: The digest of the signature that a pod has loaded, by the name of the pod. Pods that the operator
            has not asked yet are missing.
    """

    model: tuple[str | None, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    signatures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Observed:
    """The observed state of a ModelServer.

    Args:
        now: The time of the observation, with a time zone.
        source: The model in its spec.source, or the cause why it is missing; None if the spec is invalid.
        children: The observed state of each owned object except pods and ReplicaSets, whether it exists or not.
        pods: Live pods of its Deployment, the oldest first.
        metadata: The inputs and outputs that pods report for their model.
    """

    now: datetime
    source: ResolvedModel | DeletedTrainingJob | StatusCause | None = None
    children: tuple[ObservedChild, ...] = ()
    pods: tuple[Object, ...] = ()
    metadata: ModelMetadata | None = None

    @property
    def deployment(self) -> Object | None:
        """The Deployment of the ModelServer, or None if it has none yet."""
        return next((child.child for child in self.children if child.type.resource == DEPLOYMENTS), None)

    @property
    def current_pods(self) -> tuple[Object, ...]:
        """The pods of the current pod template of the Deployment."""
        deployment = self.deployment
        return tuple(pod for pod in self.pods if deployment is not None and is_current(pod, deployment))

    @property
    def blocked(self) -> StatusCause | None:
        """The first cause that blocks the creation or correction of an owned object, or None."""
        return next((child.blocked for child in self.children if child.blocked is not None), None)
