"""The model of a ModelServer, resolved from its spec.source."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from epochal_api.modelserver.spec import SHA256_PATTERN, ModelSource
from epochal_api.modelserver.status import ServedModel
from epochal_api.signature import Which
from epochal_api.trainingjob.status import EXPORTED

from epochal_operator.modelserver.reasons import Reason, StatusCause
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.conditions import condition_of
from epochal_operator.runtime.metrics import part
from epochal_operator.trainingjob.interface import Reason as Training

Find = Callable[[str], Object | None]

_HOPELESS = frozenset({Training.NOT_EXPORTABLE, Training.EXPORT_DIFFERS})
"""Reasons of missing exports for which a retry would not help: see the condition EXPORTED."""
_FILES: dict[Which, str] = {"Best": "best.keras", "Last": "model.keras"}


class Things(NamedTuple):
    """The objects of a namespace that a source can reference.

    Args:
        training_job: Returns the TrainingJob of a name, or None.
        experiment: Returns the Experiment of a name, or None.
    """

    training_job: Find
    experiment: Find


@dataclass(frozen=True)
class Found:
    """The model that a source references.

    Args:
        model: The model.
        lacks_best: Whether the requested best model is missing although another epoch was better than the last epoch.
    """

    model: ServedModel
    lacks_best: bool = False


@dataclass(frozen=True)
class Gone:
    """The model of a deleted TrainingJob, which is not available any more.

    Args:
        job_name: The name of the deleted TrainingJob.
        cause: The cause, with the action for the user.
    """

    job_name: str
    cause: StatusCause


def resolve(source: ModelSource, things: Things) -> Found | Gone | StatusCause:
    """Return the model that a source references, or the cause why it is missing.

    Args:
        source: The spec.source of the ModelServer.
        things: The objects of its namespace.
    """
    if source.training_job_ref is not None:
        name = source.training_job_ref.name
        return of_training_job(name, source.training_job_ref.model, things.training_job(name))
    if source.experiment_ref is not None:
        return _of_experiment(source.experiment_ref.name, things)
    assert source.uri is not None  # noqa: S101 - the validation refuses all other sources
    assert source.sha256 is not None  # noqa: S101
    return Found(ServedModel(uri=source.uri, sha256=source.sha256, signature_sha256=source.signature_sha256))


def is_same(source: ModelSource, pinned: ServedModel | None, gone: Gone | None = None) -> bool:
    """Return whether the served model belongs to the training that a source references.

    Args:
        source: The spec.source of the ModelServer.
        pinned: The served model, or None.
        gone: The model that the source references, if its TrainingJob was deleted.
    """
    if pinned is None or (gone is not None and pinned.training_job_name != gone.job_name):
        return False
    if source.training_job_ref is not None:
        same = pinned.training_job_name == source.training_job_ref.name and pinned.experiment_name is None
        return same and _is_asked_for(source.training_job_ref.model, pinned)
    if source.experiment_ref is not None:
        return pinned.experiment_name == source.experiment_ref.name
    return (pinned.uri, pinned.sha256) == (source.uri, source.sha256)


def kept(found: ServedModel, pinned: ServedModel | None) -> ServedModel:
    """Return the served model with its details if it equals the resolved model, otherwise the resolved model.

    The models of a training do not change. Details that its status adds later, such as the URI of the ONNX file, must
    not start a rollout of the same model. Details that a newer operator reads, such as the digest of the signature,
    must not either: pods without them continue.

    Args:
        found: The resolved model.
        pinned: The served model, or None.
    """
    if pinned is None:
        return found
    if found.training_job_uid is None:
        same = (pinned.uri, pinned.sha256) == (found.uri, found.sha256) and _is_told_of_alike(found, pinned)
    else:
        same = (pinned.training_job_uid, pinned.model) == (found.training_job_uid, found.model)
    if not same:
        return found
    fields = ("training_job_name", "training_job_uid", "experiment_name", "surpassed")
    return pinned.model_copy(update={name: getattr(found, name) for name in fields})


def _is_asked_for(which: Which, pinned: ServedModel) -> bool:
    """Return whether a model matches the request: Last matches Best if the training has no other best model."""
    return pinned.model == which or (pinned.model == "Last" and not pinned.surpassed)


def _is_told_of_alike(found: ServedModel, pinned: ServedModel) -> bool:
    """Return whether the served file already has the signature of the spec, or more details from a training."""
    told = pinned.signature is not None and found.signature_sha256 is None
    return told or found.signature_sha256 == pinned.signature_sha256


def of_training_job(name: str, which: Which, job: Object | None) -> Found | StatusCause:
    """Return the model of a TrainingJob, or the cause why it is missing.

    Args:
        name: The name of the TrainingJob.
        which: The requested model: Best or Last.
        job: The cached TrainingJob, or None.
    """
    if job is None:
        message = f"There is no TrainingJob {name} in this namespace (spec.source.trainingJobRef). It waits for one."
        return StatusCause(Reason.WAITS_FOR_TRAINING_JOB, message)
    status = part(job, "status")
    state = str(status.get("state") or "Queued")
    if condition_of(job, "Complete") is None:
        if state != "Failed":
            message = f"The TrainingJob {name} is {state}. It waits until that is Complete."
            return StatusCause(Reason.WAITS_FOR_TRAINING_JOB, message)
        message = f"The TrainingJob {name} has failed: kubectl describe trainingjob {name} says why. Create it anew."
        return StatusCause(Reason.TRAINING_JOB_FAILED, message)
    found = _stored(job, which)
    if found is None:
        message = (
            f"The TrainingJob {name} is Complete, and its status tells of no model with a digest "
            "(status.results.models): train it anew, or name the model by spec.source.uri."
        )
        return StatusCause(Reason.MODEL_NOT_STORED, message)
    return found


def _of_experiment(name: str, things: Things) -> Found | Gone | StatusCause:
    experiment = things.experiment(name)
    if experiment is None:
        message = f"There is no Experiment {name} in this namespace (spec.source.experimentRef). It waits for one."
        return StatusCause(Reason.WAITS_FOR_EXPERIMENT, message)
    status = part(experiment, "status")
    state = status.get("state") or "Queued"
    if state == "Failed":
        message = f"The Experiment {name} has failed: kubectl describe experiment {name} says why, and how it goes on."
        return StatusCause(Reason.EXPERIMENT_FAILED, message)
    if state != "Complete":
        return StatusCause(
            Reason.WAITS_FOR_EXPERIMENT, f"The Experiment {name} is {state}. It waits until that is Complete."
        )
    job_name = str(part(status, "best").get("jobName") or "")
    job = things.training_job(job_name) if job_name else None
    if job is None:
        gone = f"the TrainingJob {job_name} of its best trial is gone" if job_name else "none of its trials is the best"
        message = f"The Experiment {name} is Complete, but {gone}: name the model by spec.source.uri."
        cause = StatusCause(Reason.MODEL_NOT_STORED, message)
        return Gone(job_name, cause) if job_name else cause
    which: Which = "Last" if part(part(experiment, "spec"), "objective").get("strategy") == "Last" else "Best"
    found = of_training_job(job_name, which, job)
    if isinstance(found, StatusCause):
        return found
    return Found(found.model.model_copy(update={"experiment_name": name}), found.lacks_best)


def _stored(job: Object, asked: Which) -> Found | None:
    """Return the requested model of a TrainingJob with its file, ONNX if available, or None."""
    results = part(part(job, "status"), "results")
    models = {str(one.get("name")): one for one in _entries(results.get("models"))}
    which: Which = "Best" if asked == "Best" and _FILES["Best"] in models else "Last"
    keras = models.get(_FILES[which])
    if keras is None or not _is_pinned(keras):
        return None
    exports = (one for one in _entries(results.get("exports")) if one.get("format") == "onnx")
    onnx = next((one for one in exports if one.get("model") == which and _is_pinned(one)), None)
    exported = condition_of(job, EXPORTED, "False") or {}
    file, signature = onnx or keras, part(results, "signature")
    model = ServedModel(
        uri=str(file["uri"]),
        sha256=str(file["sha256"]),
        runtime="Keras" if onnx is None and exported.get("reason") in _HOPELESS else "ONNX",
        model=which,
        surpassed=(which == "Last" and _FILES["Best"] in models) or None,
        signature=signature.get("uri"),
        signature_sha256=str(signature["sha256"]) if _is_pinned(signature) else None,
        training_job_name=str(job["metadata"]["name"]),
        training_job_uid=str(job["metadata"]["uid"]),
    )
    best = part(part(job, "status"), "best").get("epoch")
    lacks_best = asked == "Best" and which == "Last" and best is not None and best != keras.get("epoch")
    return Found(model, lacks_best)


def _is_pinned(file: Object) -> bool:
    """Return whether a file has a digest, so that no other file can be served in its place."""
    return bool(file.get("uri")) and re.search(SHA256_PATTERN, str(file.get("sha256"))) is not None


def _entries(found: object) -> Iterable[Object]:
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
