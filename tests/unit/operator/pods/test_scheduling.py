"""What the scheduler says, told in words that tell busy nodes from what no node has."""

import pytest
from epochal_operator.pods.scheduling import matches_no_node, why_unschedulable

NO_HELP = "Preemption is not helpful for scheduling"
NO_VICTIMS = "No preemption victims found for incoming pod"
DEALLOCATE = "no new claims to deallocate, preemption"
TAINTED = "1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }"


def says(nodes: int, *reasons: str, preemption: str = "") -> str:
    """Returns what the scheduler says of so many nodes."""
    text = f"0/{nodes} nodes are available: {', '.join(reasons)}."
    return f"{text} preemption: 0/{nodes} nodes are available: {preemption}." if preemption else text


NOWHERE = (
    "No node of the cluster has room for what the pod asks for (spec.resources), even if it were empty: each has too "
    "little "
)
BUSY = "It waits until others give back "
NONE_IS_MEANT = "No node of the cluster is one that the pod may run on: there are "
LABELS = "without the labels that spec.scheduling.nodeSelector or spec.scheduling.affinity asks for"
TAINTS = "with a taint that spec.scheduling.tolerations does not name"
UNMATCHED = "node(s) didn't match Pod's node affinity/selector"
UNKNOWN = "The pod cannot be scheduled: "


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (says(3, "3 Insufficient amd.com/gpu", preemption=f"3 {NO_HELP}"), f"{NOWHERE}amd.com/gpu."),
        (says(1, "1 Insufficient cpu", "1 Insufficient memory", preemption=f"1 {NO_HELP}"), f"{NOWHERE}cpu or memory."),
        (says(3, "3 Insufficient nvidia.com/gpu", preemption=f"3 {NO_VICTIMS}"), f"{BUSY}nvidia.com/gpu, of which"),
        (
            says(3, "3 Insufficient nvidia.com/gpu", preemption=f"1 {NO_VICTIMS}, 2 {NO_HELP}"),
            f"{BUSY}nvidia.com/gpu, of which",
        ),
        (
            says(1, "1 Insufficient amd.com/gpu", preemption=f"1 {NO_HELP}").replace("preemption", DEALLOCATE, 1),
            f"{NOWHERE}amd.com/gpu.",
        ),
        (says(3, TAINTED, "2 Insufficient nvidia.com/gpu", preemption=f"3 {NO_HELP}"), UNKNOWN),
        (says(12, "2 Insufficient cpu", "10 node(s) didn't match Pod's node affinity/selector"), UNKNOWN),
        (says(3, f"3 {UNMATCHED}", preemption=f"3 {NO_HELP}"), f"{NONE_IS_MEANT}3 {LABELS} (kubectl describe nodes)."),
        (says(1, f"1 {UNMATCHED}"), f"{NONE_IS_MEANT}1 {LABELS} (kubectl describe nodes)."),
        (says(1, TAINTED), f"{NONE_IS_MEANT}1 {TAINTS} (kubectl describe nodes)."),
        (says(3, TAINTED, f"2 {UNMATCHED}"), f"{NONE_IS_MEANT}2 {LABELS} and 1 {TAINTS} (kubectl describe nodes)."),
        (
            says(4, TAINTED, "3 node(s) had untolerated taint {gpu: only}"),
            f"{NONE_IS_MEANT}4 {TAINTS} (kubectl describe nodes).",
        ),
        (says(2, "1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }", f"1 {UNMATCHED}"), UNKNOWN),
        (says(2, "1 node(s) were unschedulable", f"1 {UNMATCHED}"), UNKNOWN),
        (says(2, "2 Insufficient cpu", preemption="not eligible due to preemptionPolicy=Never."), UNKNOWN),
        (says(2, "2 Insufficient cpu"), UNKNOWN),
        ("pod group is not ready", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_what_no_node_has_is_told_apart_from_what_is_in_use(said: str, told: str) -> None:
    why = why_unschedulable(said)
    assert why.startswith(told)
    assert why.endswith(said), "the scheduler is quoted"
    assert matches_no_node(said) is told.startswith(NONE_IS_MEANT)
