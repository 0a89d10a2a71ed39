"""What the scheduler says of a pod that no node takes, in words that tell busy nodes from what no node has."""

import re

_NODES = re.compile(r"0/(\d+) nodes are available: (.*)", re.DOTALL)
_INSUFFICIENT = re.compile(r"(\d+) Insufficient ([^\s,]+?)(?=[,.]?(?:\s|$))")
_PREEMPTION = "preemption: "
_NO_VICTIMS = "No preemption victims found"
"""Said of a node that would do if it were empty."""
_NO_HELP = re.compile(r"(\d+) Preemption is not helpful for scheduling")
"""Said of nodes that would not do even if they were empty."""


def why_unschedulable(said: str) -> str:
    """Returns why a pod waits for a node.

    The scheduler calls a resource insufficient whether others have it or a node never had as much. What it says of
    preemption tells the two apart: where it would not help on any node, none has as much, even if it were empty.

    Args:
        said: The scheduler's words: https://pkg.go.dev/k8s.io/kubernetes/pkg/scheduler/framework#FitError. Other
            schedulers have others.
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
    return f"The pod cannot be scheduled: {said}"
