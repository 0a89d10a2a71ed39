"""The Job that writes the report of an Experiment to its bucket, which the operator cannot access."""

from collections.abc import Mapping, Sequence
from typing import Any

from epochal_api import pod
from epochal_api.experiment import spec as experiments
from epochal_api.experiment.spec import ExperimentSpec
from epochal_api.kind import API_VERSION

from epochal_operator.experiment.ledger.events import Event
from epochal_operator.experiment.report.content import build_report, encode_bounded
from epochal_operator.experiment.trial_job import EXPERIMENT_LABEL, EXPERIMENT_UID_LABEL
from epochal_operator.pods.installation import Installation
from epochal_operator.pods.pod_template import (
    QUEUE_LABEL,
    ContainerProgram,
    annotation_path,
    non_empty,
    pod_failure_policy,
    program_pod,
)
from epochal_operator.runtime.owners import controller_reference

Object = dict[str, Any]

BACKOFF_LIMIT = 2
"""Number of failed pods that the Job replaces. After the failure of the Job, the operator creates a new Job later."""
DEADLINE_SECONDS = 3600
"""The deadline of the Job. A report of 1,000 trials takes less, and a pod without a matching node must not wait
forever.
"""
RESOURCES: Object = {
    "requests": {"cpu": "100m", "memory": "256Mi"},
    "limits": {"cpu": "1", "memory": "512Mi"},
}
"""Small requests and limits, all explicit, because a ResourceQuota may require them."""


def report_job(
    experiment: Mapping[str, Any], ledger: Sequence[Event], spec: ExperimentSpec, installation: Installation
) -> Object:
    """Return the batch/v1 Job that writes an Experiment's report and deletes the checkpoints that are not needed.

    The pod has the scheduling, the image and the credentials of the trials. The Job has no ttlSecondsAfterFinished: its
    annotations record the reported events until the operator replaces the Job.

    Returns:
        The Job, as JSON.
    """
    metadata, template = experiment["metadata"], spec.template.spec
    own_labels = metadata.get("labels") or {}
    labels = {name: own_labels[name] for name in installation.labels if name in own_labels} | {
        "app.kubernetes.io/managed-by": "epochal",
        EXPERIMENT_LABEL: metadata["name"],
        EXPERIMENT_UID_LABEL: metadata["uid"],
    }
    queue = template.scheduling.queue_name
    report = build_report(experiment, spec, ledger, installation.storage_endpoint)
    program = ContainerProgram(
        command=("epochal-trainer", "report"),
        files={pod.REPORT_FILE: annotation_path(pod.REPORT_ANNOTATION)},
        resources=RESOURCES,
    )
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"{metadata['name']}-report",
            "namespace": metadata["namespace"],
            "labels": labels | non_empty(**{QUEUE_LABEL: queue}),
            "ownerReferences": [controller_reference(API_VERSION, experiments.KIND, metadata["name"], metadata["uid"])],
        },
        "spec": {
            **({"suspend": True} if queue else {}),
            "parallelism": 1,
            "completions": 1,
            "backoffLimit": BACKOFF_LIMIT,
            "activeDeadlineSeconds": DEADLINE_SECONDS,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": pod_failure_policy(),
            "template": {
                "metadata": {"labels": labels, "annotations": {pod.REPORT_ANNOTATION: encode_bounded(report)}},
                "spec": program_pod(template, program, installation),
            },
        },
    }
