"""Checks of the nodes: whether a node is ready, large enough for the worker, and has its GPUs."""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from epochal_api.model import QUANTITY_PATTERN, quantity_value
from epochal_api.scheduling import Resources
from epochal_api.text import printable

from epochal.client.kinds import NODES
from epochal.doctor.finding import Finding, Subject, ok, problem, warning
from epochal.sentences import counted

GPU = "nvidia.com/gpu"
_BLOCKING = ("NoSchedule", "NoExecute")


def check_nodes(subject: Subject) -> Sequence[Finding]:
    """Return the findings on whether a node can run the worker of the job; without a job, only the number of GPUs."""
    return list(describe_nodes(subject.cluster.list(NODES), subject.job.spec if subject.job else None))


def describe_nodes(nodes: Sequence[Mapping[str, Any]], spec: Any) -> Iterator[Finding]:
    """Yield findings on whether a node has the resources, the labels and only tolerated taints for a TrainingJob.

    Args:
        nodes: The nodes.
        spec: The spec of the TrainingJob; None to report only the numbers of nodes and GPUs.
    """
    gpus = sum(int(allocatable(node).get(GPU, Decimal(0))) for node in nodes)
    summary = f"{counted(len(nodes), 'node')} with {counted(gpus, 'GPU')} ({GPU})"
    if spec is None:
        yield ok(summary)
        return
    needed = requests(spec.resources)
    usable = [node for node in nodes if is_usable(node)]
    selected = [node for node in usable if _has_labels(node, spec.scheduling.node_selector)]
    if not selected:
        labels = ", ".join(f"{key}={value}" for key, value in spec.scheduling.node_selector.items())
        found = f"with the labels {labels} (spec.scheduling.nodeSelector) " if usable and labels else ""
        yield problem(f"no node {found}is ready and schedulable", "Look at the nodes: kubectl get nodes --show-labels")
        return
    for name, amount in needed.items():
        largest = max(allocatable(node).get(name, Decimal(0)) for node in selected)
        if largest < amount:
            remedy = f"Request less in spec.resources: at most {shown(largest)}."
            if "/" in name:
                remedy = (
                    f"Install the device plugin of the GPUs, add a node, or train on the CPU without {name} in "
                    "spec.resources.limits."
                )
            yield problem(f"no node has {shown(amount)} {name}, the largest has {shown(largest)}", remedy)
            return
    fitting = [node for node in selected if all(allocatable(node).get(name, 0) >= needed[name] for name in needed)]
    if not fitting:
        yield problem(
            f"no node has all of {', '.join(f'{shown(amount)} {name}' for name, amount in needed.items())}",
            "Request less in spec.resources.",
        )
        return
    taints = [_taints(node, spec.scheduling.tolerations) for node in fitting]
    if all(taints):
        yield problem(
            f"each node that is large enough has a taint that spec.scheduling.tolerations does not tolerate: "
            f"{printable(taints[0][0])}",
            f"Add a toleration: tolerations: [{{key: {printable(taints[0][0].partition('=')[0])}, operator: Exists}}]",
        )
        return
    yield ok(f"{summary}: {len(fitting)} large enough for the worker")
    if spec.resources.gpus and not spec.image:
        yield warning(
            "the job requests GPUs and uses the trainer image of the installation, which needs CUDA",
            "Build the trainer's image with --build-arg EXTRAS=cuda. Without CUDA the job trains on the CPU.",
        )


def requests(resources: Resources) -> dict[str, Decimal]:
    """Return the resources that the scheduler reserves: each request, and the limit of a resource without a request."""
    merged = {**resources.limits, **resources.requests}
    return {name: quantity_value(text) for name, text in merged.items()}


def allocatable(node: Mapping[str, Any]) -> dict[str, Decimal]:
    """Return the allocatable resources of a node: its capacity for pods, used or not."""
    return quantities((node.get("status") or {}).get("allocatable") or {})


def quantities(found: Mapping[str, Any]) -> dict[str, Decimal]:
    """Parse Kubernetes quantities such as 8Gi to numbers. Invalid quantities are left out."""
    return {name: quantity_value(str(text)) for name, text in found.items() if re.match(QUANTITY_PATTERN, str(text))}


def is_usable(node: Mapping[str, Any]) -> bool:
    """Return whether the scheduler can place new pods on a node: it is ready and not cordoned."""
    conditions = (node.get("status") or {}).get("conditions") or []
    is_ready = any(entry.get("type") == "Ready" and entry.get("status") == "True" for entry in conditions)
    return is_ready and not (node.get("spec") or {}).get("unschedulable")


def _has_labels(node: Mapping[str, Any], selector: Mapping[str, str]) -> bool:
    labels = (node.get("metadata") or {}).get("labels") or {}
    return all(labels.get(key) == value for key, value in selector.items())


def _taints(node: Mapping[str, Any], tolerations: Sequence[Any]) -> list[str]:
    """Return the taints (KEY=VALUE) that keep a pod off a node: NoSchedule or NoExecute, and not tolerated."""
    return [
        f"{taint.get('key')}={taint.get('value', '')}"
        for taint in (node.get("spec") or {}).get("taints") or []
        if taint.get("effect") in _BLOCKING and not any(_tolerates(one, taint) for one in tolerations)
    ]


def _tolerates(toleration: Any, taint: Mapping[str, Any]) -> bool:
    if toleration.effect is not None and toleration.effect != taint.get("effect"):
        return False
    if toleration.key is None:
        return bool(toleration.operator == "Exists")
    is_same = toleration.operator == "Exists" or (toleration.value or "") == (taint.get("value") or "")
    return bool(toleration.key == taint.get("key") and is_same)


def shown(amount: Decimal) -> str:
    """Return a quantity as text for a message: in Gi from 2**30 on, else as a plain number."""
    return f"{amount / 2**30:.1f}Gi" if amount >= 2**30 else f"{amount.normalize():f}"
