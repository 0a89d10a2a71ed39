"""The one child of a TrainingJob: its batch/v1 Job, with all that a trainer needs in the pod itself."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from epochal_api import pod
from epochal_api.kind import API_VERSION, GROUP
from epochal_api.training import ContinueFrom
from epochal_api.trainingjob import KIND, MAX_SPEC_BYTES, MUTABLE, InvalidTrainingJob, TrainingJob, TrainingJobSpec

from epochal_operator.trainingjob.pod_template import CONTAINER, Installation, given, pod_spec

Object = dict[str, Any]

NAME_LABEL = f"{GROUP}/trainingjob"
"""Label of Jobs and pods: name of their TrainingJob. Only objects with it are watched."""
UID_LABEL = f"{GROUP}/trainingjob-uid"
"""Label of Jobs and pods: uid of their TrainingJob, which tells them from those of an earlier one of that name."""
SPEC_ANNOTATION = f"{GROUP}/spec-sha256"
"""Annotation of the Job: digest of what it was built from, defaults of the installation too, without the fields that
may change."""
WRITTEN_ANNOTATION = f"{GROUP}/written-sha256"
"""Annotation of the Job: digest of the spec that it was built from as its user wrote it, without the same fields."""
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
"""Label of a Job that Kueue starts and stops: https://kueue.sigs.k8s.io/docs/tasks/run/jobs/."""
_JOB_CONTROLLER = "kubernetes.io/job-controller"
"""What spec.managedBy of a Job says if it says nothing else than its absence."""


class NoStorageEndpoint(InvalidTrainingJob):
    """It names no storage endpoint, and there is no default: either may be mended."""


def batch_job(job: TrainingJob, installation: Installation, continue_from: str | None = None) -> Object:
    """Returns the batch/v1 Job of a TrainingJob.

    Args:
        job: The TrainingJob, as read from the API server.
        installation: What fills in where the spec says nothing.
        continue_from: Folder of results of the TrainingJob that it names to go on from.

    Returns:
        The Job as JSON.

    Raises:
        NoStorageEndpoint: If no storage endpoint is known.
        InvalidTrainingJob: If it goes on from itself, or the spec does not fit into a pod; names the field.
    """
    resolved = _resolve(job, installation)
    document = _document(_continuing(resolved, continue_from))
    size = len(document.encode())
    if size > MAX_SPEC_BYTES:
        raise InvalidTrainingJob(f"spec: must fit in {MAX_SPEC_BYTES} bytes as JSON, found {size}: use fewer layers")

    spec, metadata = resolved.spec, resolved.metadata
    labels = {name: metadata.labels[name] for name in installation.labels if name in metadata.labels} | {
        "app.kubernetes.io/managed-by": "epochal",
        NAME_LABEL: metadata.name,
        UID_LABEL: metadata.uid,
    }
    queue = spec.scheduling.queue_name
    annotations = {pod.JOB_ANNOTATION: document, pod.CA_ANNOTATION: installation.progress_ca}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": metadata.name,
            "namespace": metadata.namespace,
            "labels": labels | given(**{QUEUE_LABEL: queue}),
            "annotations": {SPEC_ANNOTATION: _digest(resolved), WRITTEN_ANNOTATION: _digest(job)},
            "ownerReferences": [
                {
                    "apiVersion": API_VERSION,
                    "kind": KIND,
                    "name": metadata.name,
                    "uid": metadata.uid,
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {
            **given(**_steered(spec) | ({"suspend": True} if queue else {})),
            "completions": 1,
            "backoffLimit": spec.backoff_limit,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": failure_policy(),
            "template": {
                "metadata": {"labels": labels, "annotations": annotations},
                "spec": pod_spec(resolved, installation),
            },
        },
    }


def endpoint(job: TrainingJob, installation: Installation) -> str | None:
    """Returns the S3 service of a TrainingJob, if one is known."""
    return job.spec.storage.endpoint or installation.storage_endpoint


def changes(job: TrainingJob, child: Mapping[str, Any]) -> Object:
    """Returns what must change in the spec of a TrainingJob's Job, whoever changed either; None removes a field.

    When a Job runs that Kueue manages is Kueue's matter, unless it is to wait.
    """
    theirs = (set() if job.spec.suspend else {"suspend"}) | {"parallelism"} if starter(child) else set()
    steered = {name: value for name, value in _steered(job.spec).items() if name not in theirs}
    return {name: value for name, value in steered.items() if value != child["spec"].get(name)}


def starter(child: Mapping[str, Any]) -> str | None:
    """Returns who decides when a Job runs, for people, or None if that is its TrainingJob alone."""
    if queue := child["metadata"].get("labels", {}).get(QUEUE_LABEL):
        return f"Kueue (queue {queue})"
    manager: str | None = child["spec"].get("managedBy")
    return None if manager == _JOB_CONTROLLER else manager


def _steered(spec: TrainingJobSpec) -> Object:
    """Returns what decides whether a Job's pod runs, and may change while it does; None stands for no such field."""
    return {"parallelism": 1, "suspend": spec.suspend, "activeDeadlineSeconds": spec.active_deadline_seconds}


def outdated(job: TrainingJob, child: Mapping[str, Any], installation: Installation) -> bool:
    """Returns whether a Job was built from another spec than the TrainingJob has now."""
    try:
        wanted = _digest(_resolve(job, installation))
    except NoStorageEndpoint:
        # It was built with the default of then. Whether from this spec, too, only the generation tells.
        return job.status is None or job.status.observed_generation != job.metadata.generation
    found = child["metadata"].get("annotations", {}).get(SPEC_ANNOTATION)
    return found is not None and found != wanted  # One that an admission webhook has stripped would be made for ever.


def is_as_written(job: TrainingJob, child: Mapping[str, Any]) -> bool | None:
    """Returns whether a Job was built from the spec as it is now, whatever the installation adds to that.

    None if that is not known: it was built by an earlier version, and the spec has changed, which may be no matter.
    """
    if job.metadata.generation <= 1:
        return True
    found = child["metadata"].get("annotations", {}).get(WRITTEN_ANNOTATION)
    return None if found is None else bool(found == _digest(job))


def _resolve(job: TrainingJob, installation: Installation) -> TrainingJob:
    address = endpoint(job, installation)
    if address is None:
        raise NoStorageEndpoint(
            "spec.storage.endpoint: must be given, since Epochal was installed without a default (storage.endpoint of "
            "its chart)"
        )
    source = job.spec.training.continue_from
    if source is not None and source.name == job.metadata.name:
        raise InvalidTrainingJob(
            f"spec.training.continueFrom.name: must be the name of another TrainingJob, found {source.name}, which is "
            "this one's own"
        )
    storage = job.spec.storage.model_copy(update={"endpoint": address})
    image = job.spec.image or installation.trainer_image
    return job.model_copy(update={"spec": job.spec.model_copy(update={"storage": storage, "image": image})})


def _continuing(job: TrainingJob, uri: str | None) -> TrainingJob:
    """Returns a TrainingJob with the folder in place of the name of what it goes on from: a trainer knows no names."""
    source = job.spec.training.continue_from
    if uri is None or source is None or source.name is None:
        return job
    set_otherwise = {name: getattr(source, name) for name in source.model_fields_set - {"name"}}
    found = ContinueFrom.model_construct(**set_otherwise | {"uri": uri})
    training = job.spec.training.model_copy(update={"continue_from": found})
    return job.model_copy(update={"spec": job.spec.model_copy(update={"training": training})})


def _document(job: TrainingJob) -> str:
    """Returns the TrainingJob as its trainer reads it: only what is set, and a null where a Keras argument is null."""
    metadata = job.metadata
    return json.dumps(
        {
            "apiVersion": job.api_version,
            "kind": job.kind,
            "metadata": {"name": metadata.name, "namespace": metadata.namespace, "uid": metadata.uid},
            # Whether to finish is asked of the operator: the pod would know it as of its creation only.
            "spec": _plain(job.spec, exclude_unset=True, exclude={"finish"}),
        },
        separators=(",", ":"),
    )


def _plain(spec: TrainingJobSpec, **which: Any) -> Object:
    """Returns a spec as JSON values; nobody else has bounded how deep those of Keras arguments are nested."""
    try:
        return spec.model_dump(mode="json", **which)
    except (ValueError, RecursionError):
        raise InvalidTrainingJob(
            "spec: must not be nested so deep that it cannot be written down: use fewer levels of lists and mappings "
            "in the arguments of Keras"
        ) from None


def _digest(job: TrainingJob) -> str:
    """Returns a digest of a spec: what becomes of the TrainingJob that it goes on from does not change it."""
    # Without defaults: a newer schema that has more of them changes no spec.
    fixed = _plain(job.spec, exclude_defaults=True, exclude=set(MUTABLE))
    return hashlib.sha256(json.dumps(fixed, sort_keys=True).encode()).hexdigest()


def failure_policy() -> Object:
    """Returns what is no crash; the first rule that matches a failed pod counts.

    Wrong input ends the job at once, even if the pod was being taken away too. What the cluster does to a pod is not
    counted, nor is a trainer that was told to stop: whoever deletes its pod leaves no other mark on it.
    """

    def exited(*codes: pod.ExitCode) -> Object:
        return {"containerName": CONTAINER, "operator": "In", "values": sorted(map(int, codes))}

    return {
        "rules": [
            {"action": "FailJob", "onExitCodes": exited(*pod.NOT_RETRIED)},
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            {"action": "Ignore", "onExitCodes": exited(pod.ExitCode.TERMINATED)},
        ]
    }
