"""The resources that pods request, as the scheduler of Kubernetes counts them."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from epochal.doctor.nodes import quantities

from epochal_studio.runs.values import items, mapping, text

Amounts = dict[str, Decimal]
_ENDED = frozenset({"Succeeded", "Failed"})


def node_requests(pods: Iterable[Mapping[str, Any]]) -> dict[str, Amounts]:
    """Return the requests of pods by the names of their nodes. A pod that has ended, or has no node, requests nothing.

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
    """Return the requests of a pod: those of its containers or of its init containers, if these are more.

    Init containers run one after another before the containers, beside the sidecars that were started before them: init
    containers that are always restarted. Resources of the pod as a whole replace those of its containers.

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
    """Add amounts to a total."""
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
