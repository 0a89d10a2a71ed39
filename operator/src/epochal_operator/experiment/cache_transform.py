"""The fields of Experiments, their trials and their report Jobs that the operator's cache keeps."""

from collections.abc import Iterable

from epochal_api.experiment.spec import KIND

from epochal_operator.experiment.report.plan import UNNEEDED_CHECKPOINTS_ANNOTATION
from epochal_operator.experiment.trial_job import (
    EXPERIMENT_LABEL,
    EXPERIMENT_UID_LABEL,
    LEDGER_LENGTH_ANNOTATION,
    PARAMETERS_ANNOTATION,
    RUNG_LABEL,
    TRIAL_LABEL,
)
from epochal_operator.runtime.api.bounded_reader import SPEC_OMITTED
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.cache_transform import bounded_metadata, compress_spec, pick

MAX_PARAMETERS = 20 * 1024
"""Maximum characters of the parameters annotation: enough for any valid parameters, even if all are escaped."""
MAX_DROPPED = 16 * 1024
"""Maximum characters of the annotation with the numbers of dropped trials: enough for 1,000 trials."""
_LABELS = (EXPERIMENT_LABEL, EXPERIMENT_UID_LABEL, TRIAL_LABEL, RUNG_LABEL)
_TRIAL_STATUS = ("state", "conditions", "startTime", "completionTime", "progress", "metrics", "best")


def experiment(document: Object, labels: Iterable[str] = ()) -> Object:
    """Return the cached fields of an Experiment, with its spec as JSON text; see `decompress_spec`.

    Args:
        document: The Experiment.
        labels: Labels that are kept even if the Experiment has too many labels.
    """
    metadata, status = bounded_metadata(document["metadata"], labels=labels), document.get("status") or {}
    fields = pick(document, ("apiVersion", "kind", SPEC_OMITTED)) | compress_spec(document["spec"])
    return fields | {"metadata": metadata, "status": status}


def trial(job: Object) -> Object:
    """Return the fields of a trial's TrainingJob that the cache keeps; of any other TrainingJob, only the metadata."""
    labels = job["metadata"].get("labels") or {}
    metadata = bounded_metadata(job["metadata"], labels=_LABELS, owner=KIND)
    if EXPERIMENT_LABEL not in labels:
        return {"metadata": metadata}
    metadata["annotations"] = _short_annotations(
        job, {PARAMETERS_ANNOTATION: MAX_PARAMETERS, LEDGER_LENGTH_ANNOTATION: 16}
    )
    status = pick(job.get("status") or {}, _TRIAL_STATUS)
    return {"metadata": metadata, "spec": {"suspend": job["spec"].get("suspend") is True}, "status": status}


def report_job(job: Object) -> Object:
    """Return the cached fields of a report Job."""
    metadata = bounded_metadata(job["metadata"], labels=[EXPERIMENT_LABEL], owner=KIND)
    metadata["annotations"] = _short_annotations(
        job, {LEDGER_LENGTH_ANNOTATION: 16, UNNEEDED_CHECKPOINTS_ANNOTATION: MAX_DROPPED}
    )
    return {"metadata": metadata, "spec": {}, "status": job.get("status") or {}}


def _short_annotations(job: Object, limits: dict[str, int]) -> dict[str, str]:
    """Return the annotations with a name in `limits`, without values above the name's maximum number of characters."""
    annotations = pick(job["metadata"].get("annotations") or {}, limits)
    return {name: text for name, text in annotations.items() if len(text) <= limits[name]}
