"""Check of the Kueue LocalQueue that a TrainingJob names."""

from collections.abc import Mapping, Sequence
from typing import Any

from epochal_api.suggestions import did_you_mean
from epochal_api.text import printable

from epochal.client.kinds import CLUSTER_QUEUES, LOCAL_QUEUES
from epochal.doctor.finding import Finding, Subject, ok, problem, warning
from epochal.sentences import counted

_GROUP = "kueue.x-k8s.io"


def check_queue(subject: Subject) -> Sequence[Finding]:
    """Return the findings on whether the LocalQueue of the job exists and admits jobs."""
    cluster = subject.cluster
    name = subject.job.spec.scheduling.queue_name if subject.job else None
    groups = {group.get("name") for group in cluster.read("/apis").get("groups") or []}
    if _GROUP not in groups:
        if name is None:
            return [ok("no queue: the cluster has no Kueue, and jobs start at once")]
        return [
            problem(
                f"spec.scheduling.queueName is {name}, but the cluster has no Kueue",
                "Install Kueue, or remove spec.scheduling.queueName.",
            )
        ]
    queues = {str(queue["metadata"]["name"]): queue for queue in cluster.list(LOCAL_QUEUES)}
    if name is None:
        others = counted(len(queues), "LocalQueue")
        return [ok(f"no queue: jobs start at once, although the namespace has {others} of Kueue")]
    if name not in queues:
        return [
            problem(
                f"spec.scheduling.queueName: there is no LocalQueue {name} in the namespace {cluster.namespace}",
                did_you_mean(name, queues).capitalize()
                or f"Create the LocalQueue, with a ClusterQueue. List LocalQueues: kubectl get {LOCAL_QUEUES.plural}",
            )
        ]
    return [describe_queue(name, queues[name])]


def describe_queue(name: str, queue: Mapping[str, Any]) -> Finding:
    """Return the finding on whether the LocalQueue `name` admits jobs, by its status."""
    cluster_queue = printable(str((queue.get("spec") or {}).get("clusterQueue")))
    look = f"kubectl describe {CLUSTER_QUEUES.plural} {cluster_queue}"
    status = queue.get("status") or {}
    active: Mapping[str, Any] = next((one for one in status.get("conditions") or [] if one.get("type") == "Active"), {})
    if active.get("status") != "True":
        cause = printable(str(active.get("message") or "it has no status"))[:400]
        return problem(
            f"the LocalQueue {name} admits no jobs: {cause}",
            f"Look at the ClusterQueue: {look}",
        )
    pending = int(status.get("pendingWorkloads") or 0)
    if pending:
        return warning(
            f"{counted(pending, 'job')} in the LocalQueue {name} before a new job",
            f"Wait, or look at the quota of the ClusterQueue: {look}",
        )
    return ok(f"the LocalQueue {name} of the ClusterQueue {cluster_queue} admits jobs")
