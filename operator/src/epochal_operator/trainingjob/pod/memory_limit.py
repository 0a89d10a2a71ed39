"""The memory limit of a trainer's container, and its origin."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from epochal_api.model import quantity_value
from epochal_api.pod import MIN_MEMORY_BYTES

from epochal_operator.pods.pod_template import CONTAINER

Object = Mapping[str, Any]

LIMIT_RANGER_ANNOTATION = "kubernetes.io/limit-ranger"
"""Annotation of a pod: the values that a LimitRange has set, such as `LimitRanger plugin set: cpu, memory request for
container trainer; memory limit for container trainer`.

https://github.com/kubernetes/kubernetes/blob/master/plugin/pkg/admission/limitranger/admission.go
"""
_LIMIT_SUFFIX = f" limit for container {CONTAINER}"


class MemoryLimit(NamedTuple):
    """The memory limit of a container.

    Args:
        quantity: The limit, as the quantity in the pod.
        is_default: Whether a LimitRange of the namespace has set the limit, because the spec sets none.
    """

    quantity: str
    is_default: bool

    @property
    def is_too_low(self) -> bool:
        """Whether the limit is too low for any trainer to start. A limit of 0 means no limit."""
        return 0 < quantity_value(self.quantity) < MIN_MEMORY_BYTES

    @property
    def origin(self) -> str:
        """The origin of the limit, as text for users."""
        return "a default of the namespace, from a LimitRange" if self.is_default else "spec.resources.limits.memory"


def memory_limit(pod: Object) -> MemoryLimit | None:
    """Return the memory limit of the trainer in a pod, or None if it has none."""
    container: Object = next(
        (candidate for candidate in pod["spec"]["containers"] if candidate["name"] == CONTAINER), {}
    )
    quantity = ((container.get("resources") or {}).get("limits") or {}).get("memory")
    return None if quantity is None else MemoryLimit(str(quantity), _is_default(pod))


def _is_default(pod: Object) -> bool:
    defaults = (pod["metadata"].get("annotations") or {}).get(LIMIT_RANGER_ANNOTATION, "").rpartition("set: ")[2]
    limits = [part.removesuffix(_LIMIT_SUFFIX) for part in defaults.split("; ") if part.endswith(_LIMIT_SUFFIX)]
    return any("memory" in part.split(", ") for part in limits)
