"""The batch/v1 Job of a TrainingJob. Its pod template contains all the data that a trainer needs."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from epochal_api import pod
from epochal_api.kind import API_VERSION, GROUP
from epochal_api.trainingjob.spec import KIND, MAX_SPEC_BYTES, MUTABLE, InvalidTrainingJob, TrainingJob, TrainingJobSpec
from epochal_api.trainingjob.training import ContinueFrom
from pydantic.alias_generators import to_camel

from epochal_operator.pods.installation import Installation
from epochal_operator.pods.mutable_fields import MutableFields
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

NAME_LABEL = f"{GROUP}/trainingjob"
"""Label of Jobs and pods: name of their TrainingJob. Only objects with this label are watched."""
UID_LABEL = f"{GROUP}/trainingjob-uid"
"""Label of Jobs and pods: UID of their TrainingJob. An earlier TrainingJob of the same name has another UID."""
RESOLVED_SPEC_ANNOTATION = f"{GROUP}/spec-sha256"
"""Annotation of the Job: digest of the spec from which it was built, with the installation's defaults, without
the mutable fields. Existing Jobs have both annotations, so their names must not change."""
USER_SPEC_ANNOTATION = f"{GROUP}/written-sha256"
"""Annotation of the Job: digest of the user's spec when the Job was built, without the mutable fields."""
FIELDS_ANNOTATION = f"{GROUP}/fields-sha256"
"""Annotation of the Job: the start of the digest of each field of the user's spec, without the mutable fields and the
fields with default values. It fits in the bound of the cache (MAX_NAME)."""
_FIELD_DIGITS = 8
"""Hexadecimal digits of a field's digest."""
_JOB_CONTROLLER = "kubernetes.io/job-controller"
"""Value of a Job's spec.managedBy that is equivalent to no value."""

_PARALLELISM = 1


class NoStorageEndpoint(InvalidTrainingJob):
    """The spec and the installation both lack a storage endpoint. Either can be corrected."""


def batch_job(training_job: TrainingJob, installation: Installation, continue_from: str | None = None) -> Object:
    """Return the batch/v1 Job of a TrainingJob.

    Args:
        training_job: The TrainingJob, as read from the API server.
        installation: Defaults for fields that the spec omits.
        continue_from: URI of the results folder of the predecessor.

    Returns:
        The Job as JSON.

    Raises:
        NoStorageEndpoint: If no storage endpoint is known.
        InvalidTrainingJob: If the TrainingJob continues from itself, or the spec is too large for a pod. The message
            names the field.
    """
    resolved = _with_defaults(training_job, installation)
    document = _job_document(_with_continue_uri(resolved, continue_from))
    size = len(document.encode())
    if size > MAX_SPEC_BYTES:
        raise InvalidTrainingJob(f"spec: must fit in {MAX_SPEC_BYTES} bytes as JSON, found {size}: use fewer layers")

    spec, metadata, fields = resolved.spec, resolved.metadata, _immutable_fields(training_job)
    labels = installation.child_labels(metadata.labels, {NAME_LABEL: metadata.name, UID_LABEL: metadata.uid})
    queue = spec.scheduling.queue_name
    annotations = {pod.JOB_ANNOTATION: document, pod.CA_ANNOTATION: installation.progress_ca}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": metadata.name,
            "namespace": metadata.namespace,
            "labels": labels | non_empty(**{QUEUE_LABEL: queue}),
            "annotations": {
                RESOLVED_SPEC_ANNOTATION: _digest(resolved),
                USER_SPEC_ANNOTATION: _sha256(fields),
                FIELDS_ANNOTATION: ",".join(f"{name}={digest}" for name, digest in _field_digests(fields).items()),
            },
            "ownerReferences": [controller_reference(API_VERSION, KIND, metadata.name, metadata.uid)],
        },
        "spec": {
            "parallelism": _PARALLELISM,
            # A Job with a queue is created suspended: Kueue starts it on admission.
            **non_empty(**_mutable_fields(spec) | ({"suspend": True} if queue else {})),
            "completions": 1,
            "backoffLimit": spec.backoff_limit,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": pod_failure_policy(),
            "template": {
                "metadata": {"labels": labels, "annotations": annotations},
                "spec": _pod_spec(resolved, installation),
            },
        },
    }


def _pod_spec(training_job: TrainingJob, installation: Installation) -> Object:
    metadata = training_job.metadata
    url = installation.progress_url.rstrip("/") + pod.progress_path(metadata.namespace, metadata.name)
    program = ContainerProgram(
        command=("epochal-trainer", "run", pod.JOB_FILE),
        files={
            pod.JOB_FILE: annotation_path(pod.JOB_ANNOTATION),
            pod.PROGRESS_CA_FILE: annotation_path(pod.CA_ANNOTATION),
            pod.POD_UID_FILE: "metadata.uid",
        },
        resources=non_empty(requests=training_job.spec.resources.requests, limits=training_job.spec.resources.limits),
        environment=({"name": pod.PROGRESS_URL_ENV, "value": url},),
        reports=True,
    )
    return program_pod(training_job.spec, program, installation)


def storage_endpoint(training_job: TrainingJob, installation: Installation) -> str | None:
    """Return the address of a TrainingJob's S3 service, or None if unknown."""
    return training_job.spec.storage.endpoint or installation.storage_endpoint


def job_changes(training_job: TrainingJob, job: Mapping[str, Any]) -> Object:
    """Return the fields to change in the spec of a TrainingJob's Job; the value None removes a field.

    If another controller, such as Kueue, decides when the Job starts, the result never resumes the Job.
    """
    desired = _mutable_fields(training_job.spec) | {"parallelism": _PARALLELISM}
    return _differing_fields(desired, job, "parallelism")


def mutable_changes(mutable: MutableFields, job: Mapping[str, Any]) -> Object:
    """Return the mutable fields to change in a Job's spec, even if the rest of the TrainingJob's spec is invalid."""
    return _differing_fields(_mutable_fields(mutable), job)


def _differing_fields(desired: Object, job: Mapping[str, Any], *excluded: str) -> Object:
    """Return the desired fields that differ in a Job's spec, except fields that another controller of the Job owns."""
    if starting_controller(job) is None:
        excluded = ()
    elif not desired["suspend"]:
        excluded += ("suspend",)
    return {name: value for name, value in desired.items() if name not in excluded and value != job["spec"].get(name)}


def starting_controller(job: Mapping[str, Any]) -> str | None:
    """Return the name of another controller that decides when a Job starts, such as Kueue; None if there is none."""
    if queue := job["metadata"].get("labels", {}).get(QUEUE_LABEL):
        return f"Kueue (queue {queue})"
    manager: str | None = job["spec"].get("managedBy")
    return None if manager == _JOB_CONTROLLER else manager


def _mutable_fields(spec: TrainingJobSpec | MutableFields) -> Object:
    """Return the mutable fields of a Job; None means that a field is absent."""
    return {"suspend": spec.suspend, "activeDeadlineSeconds": spec.active_deadline_seconds}


def differs_from_resolved_spec(training_job: TrainingJob, job: Mapping[str, Any], installation: Installation) -> bool:
    """Return whether a Job was built from another spec, or with other defaults of the installation, than today."""
    try:
        digest = _digest(_with_defaults(training_job, installation))
    except NoStorageEndpoint:
        # The Job was built with an earlier default. Only the generation shows whether the spec has changed.
        return (
            training_job.status is None or training_job.status.observed_generation != training_job.metadata.generation
        )
    job_digest = job["metadata"].get("annotations", {}).get(RESOLVED_SPEC_ANNOTATION)
    return job_digest is not None and job_digest != digest  # If a webhook removed the annotation: keep the Job.


def matches_user_spec(training_job: TrainingJob, job: Mapping[str, Any]) -> bool:
    """Return whether a Job was built from the current spec, except mutable fields and the installation's defaults."""
    if training_job.metadata.generation <= 1:
        return True
    job_digest = job["metadata"].get("annotations", {}).get(USER_SPEC_ANNOTATION)
    return job_digest is None or bool(
        job_digest == _digest(training_job)
    )  # If a webhook removed the annotation: keep the Job.


def changed_fields(training_job: TrainingJob, job: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the immutable fields of a spec that have changed since its Job was built.

    The result is empty for a Job of an earlier version of Epochal, which lacks the digests.
    """
    text = job["metadata"].get("annotations", {}).get(FIELDS_ANNOTATION)
    if text is None:
        return ()
    before = dict(part.partition("=")[::2] for part in text.split(","))
    now = _field_digests(_immutable_fields(training_job))
    # Any editor of the Job can write other names.
    names = (to_camel(name) for name in TrainingJobSpec.model_fields if name not in MUTABLE)
    return tuple(name for name in names if before.get(name) != now.get(name))


def _with_defaults(training_job: TrainingJob, installation: Installation) -> TrainingJob:
    endpoint = storage_endpoint(training_job, installation)
    if endpoint is None:
        raise NoStorageEndpoint(
            "spec.storage.endpoint: must be given, because Epochal was installed without a default (storage.endpoint "
            "of its chart)"
        )
    predecessor = training_job.spec.training.continue_from
    if predecessor is not None and predecessor.name == training_job.metadata.name:
        raise InvalidTrainingJob(
            f"spec.training.continueFrom.name: must be the name of another TrainingJob, found {predecessor.name}, the "
            "name of this TrainingJob"
        )
    storage = training_job.spec.storage.model_copy(update={"endpoint": endpoint})
    image = training_job.spec.image or installation.trainer_image
    return training_job.model_copy(
        update={"spec": training_job.spec.model_copy(update={"storage": storage, "image": image})}
    )


def _with_continue_uri(training_job: TrainingJob, uri: str | None) -> TrainingJob:
    source = training_job.spec.training.continue_from
    if uri is None or source is None or source.name is None:
        return training_job
    other_fields = {name: getattr(source, name) for name in source.model_fields_set - {"name"}}
    with_uri = ContinueFrom.model_construct(**other_fields | {"uri": uri})
    training = training_job.spec.training.model_copy(update={"continue_from": with_uri})
    return training_job.model_copy(update={"spec": training_job.spec.model_copy(update={"training": training})})


def _job_document(training_job: TrainingJob) -> str:
    """Return the TrainingJob as JSON for its trainer: only fields that are set, null where a Keras argument is null."""
    metadata = training_job.metadata
    return json.dumps(
        {
            "apiVersion": training_job.api_version,
            "kind": training_job.kind,
            "metadata": {"name": metadata.name, "namespace": metadata.namespace, "uid": metadata.uid},
            # The trainer asks the operator for spec.finish: the pod would only have the value of its creation.
            "spec": _spec_json(training_job.spec, exclude_unset=True, exclude={"finish"}),
        },
        separators=(",", ":"),
    )


def _spec_json(spec: TrainingJobSpec, **options: Any) -> Object:
    """Return a spec as JSON values. Raise InvalidTrainingJob if Keras arguments are nested too deep for JSON."""
    try:
        return spec.model_dump(mode="json", **options)
    except (ValueError, RecursionError):
        raise InvalidTrainingJob(
            "spec: is nested too deep to be written as JSON: use fewer levels of lists and mappings in the arguments "
            "of Keras"
        ) from None


def _digest(training_job: TrainingJob) -> str:
    """Return a digest of a spec without its mutable fields.

    The digest includes the name in training.continueFrom, but no state of the TrainingJob of that name.
    """
    return _sha256(_immutable_fields(training_job))


def _field_digests(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return the start of the digest of each field."""
    return {name: _sha256(value)[:_FIELD_DIGITS] for name, value in fields.items()}


def _immutable_fields(training_job: TrainingJob) -> Object:
    """Return the immutable fields of a spec without default values, as JSON."""
    # Omit defaults: more defaults in a newer schema must not change the digests.
    return _spec_json(training_job.spec, exclude_defaults=True, exclude=set(MUTABLE))


def _sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
