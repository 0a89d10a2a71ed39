"""Messages of the scheduler: distinguishes busy nodes from nodes that never fit the pod."""

import pytest
from epochal_operator.pods.scheduler_messages import NodeMatch, node_match, unschedulable_message

NO_HELP = "Preemption is not helpful for scheduling"
NO_VICTIMS = "No preemption victims found for incoming pod"
DEALLOCATE = "no new claims to deallocate, preemption"
TAINTED = "1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }"


def fit_error(nodes: int, *reasons: str, preemption: str = "") -> str:
    text = f"0/{nodes} nodes are available: {', '.join(reasons)}."
    return f"{text} preemption: 0/{nodes} nodes are available: {preemption}." if preemption else text


TOO_SMALL = "No node of the cluster has enough "
BUSY = "The pod waits until other pods release "
NO_MATCH = "No node of the cluster matches the pod: found "
LABELS = "without the labels of spec.scheduling.nodeSelector or spec.scheduling.affinity"
TAINTS = "with a taint that spec.scheduling.tolerations does not name"
UNMATCHED = "node(s) didn't match Pod's node affinity/selector"
CORDONED = "node(s) were unschedulable"
UNKNOWN = "The pod cannot be scheduled: "


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (fit_error(3, "3 Insufficient amd.com/gpu", preemption=f"3 {NO_HELP}"), f"{TOO_SMALL}amd.com/gpu "),
        (
            fit_error(1, "1 Insufficient cpu", "1 Insufficient memory", preemption=f"1 {NO_HELP}"),
            f"{TOO_SMALL}cpu or memory ",
        ),
        (fit_error(3, "3 Insufficient nvidia.com/gpu", preemption=f"3 {NO_VICTIMS}"), f"{BUSY}nvidia.com/gpu "),
        (
            fit_error(3, "3 Insufficient nvidia.com/gpu", preemption=f"1 {NO_VICTIMS}, 2 {NO_HELP}"),
            f"{BUSY}nvidia.com/gpu ",
        ),
        (
            fit_error(1, "1 Insufficient amd.com/gpu", preemption=f"1 {NO_HELP}").replace("preemption", DEALLOCATE, 1),
            f"{TOO_SMALL}amd.com/gpu ",
        ),
        (fit_error(3, TAINTED, "2 Insufficient nvidia.com/gpu", preemption=f"3 {NO_HELP}"), UNKNOWN),
        (fit_error(12, "2 Insufficient cpu", "10 node(s) didn't match Pod's node affinity/selector"), UNKNOWN),
        (fit_error(3, f"3 {UNMATCHED}", preemption=f"3 {NO_HELP}"), f"{NO_MATCH}3 {LABELS} (kubectl describe nodes)."),
        (fit_error(1, f"1 {UNMATCHED}"), f"{NO_MATCH}1 {LABELS} (kubectl describe nodes)."),
        (fit_error(1, TAINTED), f"{NO_MATCH}1 {TAINTS} (kubectl describe nodes)."),
        (fit_error(3, TAINTED, f"2 {UNMATCHED}"), f"{NO_MATCH}2 {LABELS} and 1 {TAINTS} (kubectl describe nodes)."),
        (
            fit_error(4, TAINTED, "3 node(s) had untolerated taint {gpu: only}"),
            f"{NO_MATCH}4 {TAINTS} (kubectl describe nodes).",
        ),
        (fit_error(2, f"1 {CORDONED}", "1 Insufficient cpu"), UNKNOWN),
        (fit_error(2, "2 Insufficient cpu", preemption="not eligible due to preemptionPolicy=Never."), UNKNOWN),
        (fit_error(2, "2 Insufficient cpu"), UNKNOWN),
        (fit_error(3, "1 node(s) had untolerated taint(s)", "2 Insufficient cpu"), UNKNOWN),
        ("pod group is not ready", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_the_message_distinguishes_busy_nodes_from_too_small_nodes(message: str, expected: str) -> None:
    explained = unschedulable_message(message)
    assert explained.startswith(expected)
    assert explained.endswith(message)
    assert node_match(message) is (NodeMatch.NONE if expected.startswith(NO_MATCH) else NodeMatch.POSSIBLE)


UNNAMED = "node(s) had untolerated taint(s)"
NOT_READY = "node(s) had untolerated taint {node.kubernetes.io/not-ready: }"
EITHER = "not ready or with a taint that spec.scheduling.tolerations does not name"


@pytest.mark.parametrize(
    ("message", "found", "match"),
    [
        (fit_error(2, f"2 {UNNAMED}", preemption=f"2 {NO_HELP}"), f"2 {EITHER}", NodeMatch.POSSIBLE),
        (fit_error(3, f"1 {UNNAMED}", f"2 {UNMATCHED}"), f"2 {LABELS} and 1 {EITHER}", NodeMatch.DOUBTFUL),
        (fit_error(3, f"1 {NOT_READY}", f"2 {UNMATCHED}"), f"2 {LABELS} and 1 {EITHER}", NodeMatch.DOUBTFUL),
        (fit_error(3, f"2 {UNNAMED}", TAINTED), f"1 {TAINTS} and 2 {EITHER}", NodeMatch.POSSIBLE),
        (fit_error(3, f"3 {CORDONED}"), "3 cordoned", NodeMatch.POSSIBLE),
        (fit_error(3, f"1 {CORDONED}", f"2 {UNMATCHED}"), f"2 {LABELS} and 1 cordoned", NodeMatch.DOUBTFUL),
        (
            fit_error(4, TAINTED, f"1 {UNNAMED}", f"1 {CORDONED}", f"1 {UNMATCHED}"),
            f"1 {LABELS} and 1 {TAINTS} and 1 {EITHER} and 1 cordoned",
            NodeMatch.DOUBTFUL,
        ),
    ],
)
def test_a_taint_without_a_name_or_a_cordon_may_be_that_of_an_unhealthy_node(
    message: str, found: str, match: NodeMatch
) -> None:
    assert unschedulable_message(message).startswith(f"{NO_MATCH}{found} (kubectl describe nodes).")
    assert node_match(message) is match
