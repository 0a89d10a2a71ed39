"""Messages of the scheduler about a pod without a node: separates busy nodes from requests that no node can fulfil."""

import re

_NODES = re.compile(r"0/(\d+) nodes are available: (.*)", re.DOTALL)
_INSUFFICIENT = re.compile(r"(\d+) Insufficient ([^\s,]+?)(?=[,.]?(?:\s|$))")
_PREEMPTION = "preemption: "
_NO_VICTIMS = "No preemption victims found"
"""Message for a node that would be suitable if it were empty."""
_NO_HELP = re.compile(r"(\d+) Preemption is not helpful for scheduling")
"""Message for nodes that would not be suitable even if they were empty."""
_UNMATCHED = re.compile(r"(\d+) node\(s\) didn't match Pod's node affinity/selector")
_TAINTED = re.compile(r"(\d+) node\(s\) had untolerated taint(?! \{node\.kubernetes\.io/)")
"""Excludes taints with which Kubernetes itself marks an unhealthy node.

https://kubernetes.io/docs/reference/labels-annotations-taints/
"""


def why_unschedulable(said: str) -> str:
    """Return the reason why a pod waits for a node, as a message with advice.

    The scheduler calls a resource insufficient both when other pods use it and when no node has enough. Its note on
    preemption separates the two: if preemption helps on no node, no node has enough even when empty. It gives only one
    reason for each node. So if labels and taints are the reason for all nodes, they alone exclude the pod.

    Args:
        said: The scheduler's message: https://pkg.go.dev/k8s.io/kubernetes/pkg/scheduler/framework#FitError. Other
            schedulers use other messages.
    """
    if (found := _NODES.search(said)) is None:
        return f"The pod cannot be scheduled: {said}"
    nodes = int(found[1])
    filtered, _, preemption = found[2].partition(_PREEMPTION)
    lacking = [name for count, name in _INSUFFICIENT.findall(filtered) if int(count) == nodes]
    names = " or ".join(lacking)
    helpless = _NO_HELP.search(preemption)
    if lacking and helpless and int(helpless[1]) == nodes:
        return (
            f"No node of the cluster has room for what the pod asks for (spec.resources), even if it were empty: each "
            f"has too little {names}. It waits until there is such a node, or until it asks for less. The scheduler "
            f"said: {said}"
        )
    if lacking and _NO_VICTIMS in preemption:
        return f"It waits until others give back {names}, of which no node has enough left. The scheduler said: {said}"
    if matches_no_node(said):
        return f"{_none_is_meant(*_excluded(filtered))} The scheduler said: {said}"
    return f"The pod cannot be scheduled: {said}"


def matches_no_node(said: str) -> bool:
    """Return whether labels and taints exclude a pod from every node, regardless of free resources.

    Args:
        said: The scheduler's message.
    """
    found = _NODES.search(said)
    return found is not None and sum(_excluded(found[2].partition(_PREEMPTION)[0])) >= int(found[1]) > 0


def _excluded(filtered: str) -> tuple[int, int]:
    """Return the number of nodes without the requested labels, and the number of nodes with an untolerated taint."""
    unmatched, tainted = (sum(map(int, one.findall(filtered))) for one in (_UNMATCHED, _TAINTED))
    return unmatched, tainted


def _none_is_meant(unmatched: int, tainted: int) -> str:
    """Return the message that no node is permitted for the pod, with the fields to correct."""
    reasons = [
        f"{unmatched} without the labels that spec.scheduling.nodeSelector or spec.scheduling.affinity asks for",
        f"{tainted} with a taint that spec.scheduling.tolerations does not name",
    ]
    found = " and ".join(text for text, count in zip(reasons, (unmatched, tainted), strict=True) if count)
    return f"No node of the cluster is one that the pod may run on: there are {found} (kubectl describe nodes)."
