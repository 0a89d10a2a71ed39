"""The Job that writes the report of an Experiment to its bucket, which the operator cannot access."""

from collections.abc import Mapping, Sequence
from typing import Any

from epochal_api import pod
from epochal_api.experiment import spec as experiments
from epochal_api.experiment.spec import ExperimentSpec
from epochal_api.kind import API_VERSION

from epochal_operator.experiment.ledger.events import Event
from epochal_operator.experiment.report.content import bounded, content
from epochal_operator.experiment.trial_job import EXPERIMENT_LABEL, EXPERIMENT_UID_LABEL
from epochal_operator.pods.installation import Installation
from epochal_operator.pods.pod_template import QUEUE_LABEL, Program, annotation, failure_policy, given, program_pod

Object = dict[str, Any]

BACKOFF_LIMIT = 2
"""Crashes that Kubernetes retries at once; the Experiment creates a new Job later."""
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
    annotations show the reported events until the Experiment replaces the Job.

    Args:
        experiment: The Experiment, as JSON.
        ledger: The events of its ledger.
        spec: Its spec.
        installation: The settings with which Epochal was installed.

    Returns:
        The Job, as JSON.
    """
    metadata, template = experiment["metadata"], spec.template.spec
    theirs = metadata.get("labels") or {}
    labels = {name: theirs[name] for name in installation.labels if name in theirs} | {
        "app.kubernetes.io/managed-by": "epochal",
        EXPERIMENT_LABEL: metadata["name"],
        EXPERIMENT_UID_LABEL: metadata["uid"],
    }
    queue = template.scheduling.queue_name
    report = content(experiment, spec, ledger, installation.storage_endpoint)
    program = Program(
        command=("epochal-trainer", "report"),
        files={pod.REPORT_FILE: annotation(pod.REPORT_ANNOTATION)},
        resources=RESOURCES,
    )
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"{metadata['name']}-report",
            "namespace": metadata["namespace"],
            "labels": labels | given(**{QUEUE_LABEL: queue}),
            "ownerReferences": [
                {
                    "apiVersion": API_VERSION,
                    "kind": experiments.KIND,
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {
            **({"suspend": True} if queue else {}),
            "parallelism": 1,
            "completions": 1,
            "backoffLimit": BACKOFF_LIMIT,
            "activeDeadlineSeconds": DEADLINE_SECONDS,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": failure_policy(),
            "template": {
                "metadata": {"labels": labels, "annotations": {pod.REPORT_ANNOTATION: bounded(report)}},
                "spec": program_pod(template, program, installation),
            },
        },
    }
