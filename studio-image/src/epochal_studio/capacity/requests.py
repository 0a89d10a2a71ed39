"""The resource requests of pods, computed by the rules of the Kubernetes scheduler."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from epochal.doctor.nodes import quantities

from epochal_studio.runs.values import items, mapping, text

Amounts = dict[str, Decimal]
_ENDED = frozenset({"Succeeded", "Failed"})


def node_requests(pods: Iterable[Mapping[str, Any]]) -> dict[str, Amounts]:
    """Return the sum of the pods' resource requests for each node, by its name.

    Pods that have ended (Succeeded or Failed) or have no node are left out.

    Args:
        pods: The pods.
    """
    found: dict[str, Amounts] = {}
    for pod in pods:
        node = text(mapping(pod.get("spec")).get("nodeName"))
        if node and mapping(pod.get("status")).get("phase") not in _ENDED:
            add(found.setdefault(node, {}), pod_requests(mapping(pod.get("spec"))))
    return found


def pod_requests(spec: Mapping[str, Any]) -> Amounts:
    """Return the resource requests of a pod. For each resource, the larger of these two amounts counts.

    1. The sum of all containers and sidecars. A sidecar is an init container with `restartPolicy: Always`.
    2. The largest init container together with the sidecars before it, since init containers run one after another.

    The pod-level `spec.resources` replaces this amount, and `spec.overhead` is added.

    Args:
        spec: The pod's spec.
    """
    running: Amounts = {}
    sidecars: Amounts = {}
    most: Amounts = {}
    for container in items(spec.get("containers")):
        add(running, _requests(container))
    for container in items(spec.get("initContainers")):
        requests = _requests(container)
        if container.get("restartPolicy") == "Always":
            add(sidecars, requests)
            requests = {}
        _raise(most, _sum(sidecars, requests))
    add(running, sidecars)
    _raise(running, most)
    running |= _requests(spec)
    add(running, quantities(mapping(spec.get("overhead"))))
    return running


def add(total: Amounts, other: Mapping[str, Decimal]) -> None:
    """Add each amount of `other` to the same resource in `total`, which changes in place."""
    for name, amount in other.items():
        total[name] = total.get(name, Decimal(0)) + amount


def _requests(holder: Mapping[str, Any]) -> Amounts:
    return quantities(mapping(mapping(holder.get("resources")).get("requests")))


def _sum(one: Mapping[str, Decimal], other: Mapping[str, Decimal]) -> Amounts:
    total = dict(one)
    add(total, other)
    return total


def _raise(total: Amounts, other: Mapping[str, Decimal]) -> None:
    for name, amount in other.items():
        total[name] = max(total.get(name, Decimal(0)), amount)
