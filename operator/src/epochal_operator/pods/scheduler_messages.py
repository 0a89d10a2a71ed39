"""Parses the scheduler's messages about a pod without a node: are the nodes busy, or does the pod never fit on them?"""

import re
from enum import StrEnum
from typing import NamedTuple

_NODES = re.compile(r"0/(\d+) nodes are available: (.*)", re.DOTALL)
_INSUFFICIENT = re.compile(r"(\d+) Insufficient ([^\s,]+?)(?=[,.]?(?:\s|$))")
_PREEMPTION = "preemption: "
_NO_VICTIMS = "No preemption victims found"
"""Part of the scheduler's message that counts nodes on which the pod would fit if they were empty."""
_NOT_HELPFUL = re.compile(r"(\d+) Preemption is not helpful for scheduling")
"""Part of the scheduler's message that counts nodes on which the pod would not fit even if they were empty."""
_UNMATCHED = re.compile(r"(\d+) node\(s\) didn't match Pod's node affinity/selector")
_TAINTED = re.compile(r"(\d+) node\(s\) had untolerated taint \{(?!node\.kubernetes\.io/)")
"""Excludes taints with which Kubernetes itself marks an unhealthy node.

https://kubernetes.io/docs/reference/labels-annotations-taints/
"""
_UNHEALTHY = re.compile(r"(\d+) node\(s\) had untolerated taint(?:\(s\)| \{node\.kubernetes\.io/)")
"""Nodes that are unhealthy, or may be: the message has no names of taints since patches of Kubernetes 1.34.

https://github.com/kubernetes/kubernetes/pull/134740
"""
_CORDONED = re.compile(r"(\d+) node\(s\) were unschedulable")


class _Excluded(NamedTuple):
    """The number of nodes that labels, taints or a cordon exclude, by the cause."""

    unmatched: int
    tainted: int
    unhealthy: int
    cordoned: int


class NodeMatch(StrEnum):
    """Whether any node of the cluster has the labels and taints for a pod, by the scheduler's message."""

    POSSIBLE = "possible"
    """The message does not exclude it."""
    DOUBTFUL = "doubtful"
    """Some nodes lack the labels. All others are cordoned, unhealthy, or have a taint without a name."""
    NONE = "none"
    """Labels and named taints exclude the pod from every node."""


def unschedulable_message(message: str) -> str:
    """Return the reason why a pod waits for a node, as a message with advice.

    The scheduler calls a resource insufficient both when other pods use it and when no node has enough. Its note on
    preemption separates the two: if preemption helps on no node, no node has enough even when empty. It gives only one
    reason for each node. So if labels and taints are the reason for all nodes, they alone exclude the pod.

    Args:
        message: The scheduler's message: https://pkg.go.dev/k8s.io/kubernetes/pkg/scheduler/framework#FitError. Other
            schedulers use other messages.
    """
    if (found := _NODES.search(message)) is None:
        return f"The pod cannot be scheduled: {message}"
    nodes = int(found[1])
    filtered, _, preemption = found[2].partition(_PREEMPTION)
    resources = " or ".join(name for count, name in _INSUFFICIENT.findall(filtered) if int(count) == nodes)
    not_helpful = _NOT_HELPFUL.search(preemption)
    if resources and not_helpful and int(not_helpful[1]) == nodes:
        return (
            f"No node of the cluster has enough {resources} for the requests of the pod (spec.resources), even without "
            f"other pods. Request less, or add a larger node. Message of the scheduler: {message}"
        )
    if resources and _NO_VICTIMS in preemption:
        return f"The pod waits until other pods release {resources} on a node. Message of the scheduler: {message}"
    if sum(excluded := _excluded(filtered)) >= nodes > 0:
        return f"{_no_matching_node(excluded)} Message of the scheduler: {message}"
    return f"The pod cannot be scheduled: {message}"


def node_match(message: str) -> NodeMatch:
    """Return whether any node has the labels and taints for a pod, by the scheduler's message."""
    if (found := _NODES.search(message)) is None:
        return NodeMatch.POSSIBLE
    nodes, excluded = int(found[1]), _excluded(found[2].partition(_PREEMPTION)[0])
    if excluded.unmatched + excluded.tainted >= nodes > 0:
        return NodeMatch.NONE
    return NodeMatch.DOUBTFUL if excluded.unmatched and sum(excluded) >= nodes else NodeMatch.POSSIBLE


def _excluded(filtered: str) -> _Excluded:
    """Return the number of nodes that labels, taints or a cordon exclude, by the scheduler's message."""
    patterns = (_UNMATCHED, _TAINTED, _UNHEALTHY, _CORDONED)
    return _Excluded(*(sum(map(int, pattern.findall(filtered))) for pattern in patterns))


def _no_matching_node(excluded: _Excluded) -> str:
    causes = (
        (excluded.unmatched, "without the labels of spec.scheduling.nodeSelector or spec.scheduling.affinity"),
        (excluded.tainted, "with a taint that spec.scheduling.tolerations does not name"),
        (excluded.unhealthy, "not ready or with a taint that spec.scheduling.tolerations does not name"),
        (excluded.cordoned, "cordoned"),
    )
    found = " and ".join(f"{count} {text}" for count, text in causes if count)
    return f"No node of the cluster matches the pod: found {found} (kubectl describe nodes)."
