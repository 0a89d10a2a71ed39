"""The fields of Experiments, their trials and their report Jobs that the store keeps."""

from collections.abc import Iterable

from epochal_api.experiment.spec import KIND

from epochal_operator.experiment.report.plan import GIVEN_UP_ANNOTATION
from epochal_operator.experiment.trial_job import (
    EXPERIMENT_LABEL,
    EXPERIMENT_UID_LABEL,
    KNOWN_ANNOTATION,
    PARAMETERS_ANNOTATION,
    RUNG_LABEL,
    TRIAL_LABEL,
)
from epochal_operator.runtime.api.bounded_reader import UNREAD
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.cache_transform import compress_spec, keep_metadata, pick

MAX_PARAMETERS = 20 * 1024
"""Characters of a trial's parameters: larger than any valid parameters, even if each character is escaped."""
MAX_GIVEN_UP = 16 * 1024
"""Bytes of the numbers of dropped trials: more than the numbers of all trials take."""
_LABELS = (EXPERIMENT_LABEL, EXPERIMENT_UID_LABEL, TRIAL_LABEL, RUNG_LABEL)
_TRIAL_STATUS = ("state", "conditions", "startTime", "completionTime", "progress", "metrics", "best")


def experiment(thing: Object, labels: Iterable[str] = ()) -> Object:
    """Return the cached fields of an Experiment, with its spec as JSON text; see `decompress_spec`.

    Args:
        thing: The Experiment.
        labels: Labels that are kept even if the Experiment has too many labels.
    """
    outline = keep_metadata(thing["metadata"], labels=labels)
    kept = pick(thing, ("apiVersion", "kind", UNREAD)) | {"metadata": outline, "status": thing.get("status") or {}}
    return kept | compress_spec(thing["spec"])


def trial(thing: Object) -> Object:
    """Return the cached fields of a trial's TrainingJob, or only the metadata of any other TrainingJob."""
    labels = thing["metadata"].get("labels") or {}
    outline = keep_metadata(thing["metadata"], labels=_LABELS, owner=KIND)
    if EXPERIMENT_LABEL not in labels:
        return {"metadata": outline}
    outline["annotations"] = _texts(thing, {PARAMETERS_ANNOTATION: MAX_PARAMETERS, KNOWN_ANNOTATION: 16})
    status = pick(thing.get("status") or {}, _TRIAL_STATUS)
    return {"metadata": outline, "spec": {"suspend": thing["spec"].get("suspend") is True}, "status": status}


def report_job(thing: Object) -> Object:
    """Return the cached fields of a report Job."""
    outline = keep_metadata(thing["metadata"], labels=[EXPERIMENT_LABEL], owner=KIND)
    outline["annotations"] = _texts(thing, {KNOWN_ANNOTATION: 16, GIVEN_UP_ANNOTATION: MAX_GIVEN_UP})
    return {"metadata": outline, "spec": {}, "status": thing.get("status") or {}}


def _texts(thing: Object, most: dict[str, int]) -> dict[str, str]:
    """Return the annotations within their length limits; longer annotations are omitted, since a part is useless."""
    found = pick(thing["metadata"].get("annotations") or {}, most)
    return {name: text for name, text in found.items() if len(text) <= most[name]}
