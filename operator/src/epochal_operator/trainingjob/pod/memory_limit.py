"""The memory limit of a trainer's container, and its origin."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from epochal_api.model import quantity_value
from epochal_api.pod import LEAST_MEMORY

from epochal_operator.pods.pod_template import CONTAINER

Object = Mapping[str, Any]

LIMIT_RANGER = "kubernetes.io/limit-ranger"
"""Annotation of a pod: the values that a LimitRange has set, such as `LimitRanger plugin set: cpu, memory request for
container trainer; memory limit for container trainer`.

https://github.com/kubernetes/kubernetes/blob/master/plugin/pkg/admission/limitranger/admission.go
"""
_LIMIT = f" limit for container {CONTAINER}"


class MemoryLimit(NamedTuple):
    """The memory limit of a container.

    Args:
        quantity: The limit, as the quantity in the pod.
        is_default: Whether it is a default of the namespace, because the spec names none.
    """

    quantity: str
    is_default: bool

    @property
    def is_too_low(self) -> bool:
        """Whether the limit is too low for any trainer to start. For 0, a kubelet sets no limit."""
        return 0 < quantity_value(self.quantity) < LEAST_MEMORY

    @property
    def origin(self) -> str:
        """The origin of the limit, as text for users."""
        return "a default of the namespace, a LimitRange, since the spec names none" if self.is_default else _FIELD


_FIELD = "spec.resources.limits.memory"


def memory_limit(pod: Object) -> MemoryLimit | None:
    """Return the memory limit of the trainer in a pod, or None if it has none.

    Args:
        pod: The pod.
    """
    container: Object = next((one for one in pod["spec"]["containers"] if one["name"] == CONTAINER), {})
    quantity = ((container.get("resources") or {}).get("limits") or {}).get("memory")
    return None if quantity is None else MemoryLimit(str(quantity), _is_default(pod))


def _is_default(pod: Object) -> bool:
    said = (pod["metadata"].get("annotations") or {}).get(LIMIT_RANGER, "").rpartition("set: ")[2]
    limits = [part.removesuffix(_LIMIT) for part in said.split("; ") if part.endswith(_LIMIT)]
    return any("memory" in part.split(", ") for part in limits)
