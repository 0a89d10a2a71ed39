"""The resources of a node: allocatable for pods, and free."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from epochal.doctor.nodes import allocatable, is_usable
from epochal_api.scheduling import GPU_RESOURCE

from epochal_studio.runs.values import mapping, text
from epochal_studio.wire.capacity import NodeCapacity

_EXACT = 2**53
_ZERO = Decimal(0)


def node_capacity(node: Mapping[str, Any]) -> NodeCapacity:
    """Return the allocatable GPUs, memory and CPU of a node. The free amounts are None."""
    found = allocatable(node)
    gpus = {name: _bounded_int(amount) for name, amount in found.items() if GPU_RESOURCE.match(name)}
    return NodeCapacity(
        name=text(mapping(node.get("metadata")).get("name")),
        is_ready=is_usable(node),
        gpus=gpus,
        free_gpus=None,
        memory=_bounded_int(found.get("memory", _ZERO)),
        free_memory=None,
        cpu=float(found.get("cpu", _ZERO)),
        free_cpu=None,
    )


def with_free(node: NodeCapacity, requests: Mapping[str, Decimal]) -> NodeCapacity:
    """Return a copy with the free amounts: the allocatable resources less the requests of the pods, at least 0.

    Args:
        node: The allocatable resources of a node.
        requests: Sum of the resource requests of the node's pods.
    """
    free_gpus = {name: max(0, count - _bounded_int(requests.get(name, _ZERO))) for name, count in node.gpus.items()}
    free_cpu = max(_ZERO, Decimal(str(node.cpu)) - requests.get("cpu", _ZERO))
    free_memory = max(0, node.memory - _bounded_int(requests.get("memory", _ZERO)))
    return node.model_copy(
        update={"free_gpus": free_gpus, "free_memory": free_memory, "free_cpu": round(float(free_cpu), 3)}
    )


def _bounded_int(amount: Decimal) -> int:
    return int(min(amount, Decimal(_EXACT)))
