"""Answers about the free capacity of the cluster."""

from epochal_api.model import Model

from epochal_studio.wire.common import Finite, Problem


class NodeCapacity(Model):
    """The resources of a node. The free amounts are those that no pod requests, or None if they are unknown."""

    name: str
    is_ready: bool
    """Whether the node accepts new pods: it is Ready and not cordoned."""
    gpus: dict[str, int]
    """Allocatable GPUs by resource name, such as nvidia.com/gpu."""
    free_gpus: dict[str, int] | None
    memory: int
    """Allocatable memory in bytes."""
    free_memory: int | None
    cpu: Finite
    """Allocatable CPU cores."""
    free_cpu: Finite | None


class Capacity(Model):
    """The nodes of the cluster with their resources."""

    nodes: list[NodeCapacity] | None
    """The nodes, at most 500; None if the user may not list nodes."""
    problem: Problem | None = None
