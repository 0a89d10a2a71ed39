"""The model of a ModelServer, resolved from its spec.source."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from epochal_api.modelserver.spec import ModelSource
from epochal_api.modelserver.status import ServedModel
from epochal_api.signature import SHA256_PATTERN, ModelChoice
from epochal_api.trainingjob.status import EXPORTED

from epochal_operator.modelserver.reasons import Reason, StatusCause
from epochal_operator.runtime.api.resource import Object, part
from epochal_operator.runtime.conditions import condition_of
from epochal_operator.trainingjob.interface import Reason as TrainingReason

_PERMANENT_EXPORT_FAILURES = frozenset({TrainingReason.NOT_EXPORTABLE, TrainingReason.EXPORT_DIFFERS})
"""Reasons of a False condition Exported of a TrainingJob for which a retry of the export would not help."""
_FILES: dict[ModelChoice, str] = {"Best": "best.keras", "Last": "model.keras"}


class SourceLookup(NamedTuple):
    """Functions that return the TrainingJob or the Experiment with a name in the ModelServer's namespace, or None."""

    training_job: Callable[[str], Object | None]
    experiment: Callable[[str], Object | None]


@dataclass(frozen=True)
class ResolvedModel:
    """The model that a source references.

    Args:
        model: The model.
        is_best_missing: Whether the requested best model is missing although its epoch was better than the last epoch.
    """

    model: ServedModel
    is_best_missing: bool = False


@dataclass(frozen=True)
class DeletedTrainingJob:
    """The result of `resolve` if the TrainingJob of an Experiment's best trial was deleted.

    Args:
        name: Name of the TrainingJob.
        cause: The cause for the status.
    """

    name: str
    cause: StatusCause


def resolve(source: ModelSource, lookup: SourceLookup) -> ResolvedModel | DeletedTrainingJob | StatusCause:
    """Return the model that a source references, or the cause why it is missing."""
    if source.training_job_ref is not None:
        name = source.training_job_ref.name
        return training_job_model(name, source.training_job_ref.model, lookup.training_job(name))
    if source.experiment_ref is not None:
        return _experiment_model(source.experiment_ref.name, lookup)
    assert source.uri is not None  # noqa: S101 - the validation refuses all other sources
    assert source.sha256 is not None  # noqa: S101
    return ResolvedModel(ServedModel(uri=source.uri, sha256=source.sha256, signature_sha256=source.signature_sha256))


def is_model_of(source: ModelSource, served: ServedModel | None, deleted: DeletedTrainingJob | None = None) -> bool:
    """Return whether the served model comes from the TrainingJob, Experiment or file that a source references.

    With a reference to a TrainingJob, the choice of its best or last model must match, too. A file must have the same
    URI and digest.

    Args:
        source: The spec.source of the ModelServer.
        served: The served model, or None.
        deleted: The deleted TrainingJob of the Experiment's best trial. The served model must come from this
            TrainingJob. None, if no such TrainingJob was deleted.
    """
    if served is None or (deleted is not None and served.training_job_name != deleted.name):
        return False
    if (job := source.training_job_ref) is not None:
        # The last model is also the best one, unless the training has stored another best model.
        same_choice = served.model == job.model or (served.model == "Last" and not served.surpassed)
        return served.training_job_name == job.name and served.experiment_name is None and same_choice
    if source.experiment_ref is not None:
        return served.experiment_name == source.experiment_ref.name
    return (served.uri, served.sha256) == (source.uri, source.sha256)


def keep_served(resolved: ServedModel, served: ServedModel | None) -> ServedModel:
    """Return the served model, with the resolved model's names, if both are the same model; else the resolved model.

    The models of a training do not change. Details that the training's status adds later, such as the URI of the ONNX
    file, must not start a rollout of the same model. Neither must details that only a newer operator reads, such as
    the digest of the signature.
    """
    if served is None:
        return resolved
    if resolved.training_job_uid is None:
        is_same = (served.uri, served.sha256) == (resolved.uri, resolved.sha256)
        has_training_signature = served.signature is not None and resolved.signature_sha256 is None
        is_same &= has_training_signature or resolved.signature_sha256 == served.signature_sha256
    else:
        is_same = (served.training_job_uid, served.model) == (resolved.training_job_uid, resolved.model)
    if not is_same:
        return resolved
    fields = ("training_job_name", "training_job_uid", "experiment_name", "surpassed")
    return served.model_copy(update={name: getattr(resolved, name) for name in fields})


def training_job_model(name: str, choice: ModelChoice, job: Object | None) -> ResolvedModel | StatusCause:
    """Return the model of a TrainingJob, or the cause why it is missing."""
    if job is None:
        message = f"TrainingJob {name} (spec.source.trainingJobRef) does not exist in this namespace. Waiting for it."
        return StatusCause(Reason.WAITS_FOR_TRAINING_JOB, message)
    state = str(part(job, "status").get("state") or "Queued")
    if condition_of(job, "Complete") is None:
        if state != "Failed":
            message = f"TrainingJob {name} is {state}. Waiting until it is Complete."
            return StatusCause(Reason.WAITS_FOR_TRAINING_JOB, message)
        message = (
            f"TrainingJob {name} failed. Run kubectl describe trainingjob {name} for the cause. After the correction, "
            "delete the TrainingJob and create it again."
        )
        return StatusCause(Reason.TRAINING_JOB_FAILED, message)
    resolved = _stored_model(job, choice)
    if resolved is None:
        message = (
            f"TrainingJob {name} is Complete, but its status.results.models contains no model with a SHA-256 digest. "
            "Train the model again, or set spec.source.uri and spec.source.sha256."
        )
        return StatusCause(Reason.MODEL_NOT_STORED, message)
    return resolved


def _experiment_model(name: str, lookup: SourceLookup) -> ResolvedModel | DeletedTrainingJob | StatusCause:
    experiment = lookup.experiment(name)
    if experiment is None:
        message = f"Experiment {name} (spec.source.experimentRef) does not exist in this namespace. Waiting for it."
        return StatusCause(Reason.WAITS_FOR_EXPERIMENT, message)
    status = part(experiment, "status")
    state = status.get("state") or "Queued"
    if state == "Failed":
        message = f"Experiment {name} failed. Run kubectl describe experiment {name} for the cause and the remedy."
        return StatusCause(Reason.EXPERIMENT_FAILED, message)
    if state != "Complete":
        message = f"Experiment {name} is {state}. Waiting until it is Complete."
        return StatusCause(Reason.WAITS_FOR_EXPERIMENT, message)
    job_name = str(part(status, "best").get("jobName") or "")
    job = lookup.training_job(job_name) if job_name else None
    if job is None:
        problem = f"TrainingJob {job_name} of its best trial was deleted" if job_name else "it has no best trial"
        message = (
            f"Experiment {name} is Complete, but {problem}. To serve a stored model, set spec.source.uri and "
            "spec.source.sha256."
        )
        cause = StatusCause(Reason.MODEL_NOT_STORED, message)
        return DeletedTrainingJob(job_name, cause) if job_name else cause
    choice: ModelChoice = "Last" if part(part(experiment, "spec"), "objective").get("strategy") == "Last" else "Best"
    resolved = training_job_model(job_name, choice, job)
    if isinstance(resolved, StatusCause):
        return resolved
    return ResolvedModel(resolved.model.model_copy(update={"experiment_name": name}), resolved.is_best_missing)


def _stored_model(job: Object, requested: ModelChoice) -> ResolvedModel | None:
    """Return the requested model of a TrainingJob, or its last model if it has stored no best model.

    The model has the ONNX file if that was exported, otherwise the Keras file. None if there is no file with a digest.
    """
    results = part(part(job, "status"), "results")
    models = {str(model.get("name")): model for model in _objects(results.get("models"))}
    choice: ModelChoice = "Best" if requested == "Best" and _FILES["Best"] in models else "Last"
    keras = models.get(_FILES[choice])
    if keras is None or not _has_digest(keras):
        return None
    exports = (export for export in _objects(results.get("exports")) if export.get("format") == "onnx")
    onnx = next((export for export in exports if export.get("model") == choice and _has_digest(export)), None)
    export_failure = (condition_of(job, EXPORTED, "False") or {}).get("reason")
    file, signature = onnx or keras, part(results, "signature")
    model = ServedModel(
        uri=str(file["uri"]),
        sha256=str(file["sha256"]),
        runtime="Keras" if onnx is None and export_failure in _PERMANENT_EXPORT_FAILURES else "ONNX",
        model=choice,
        surpassed=(choice == "Last" and _FILES["Best"] in models) or None,
        signature=signature.get("uri"),
        signature_sha256=str(signature["sha256"]) if _has_digest(signature) else None,
        training_job_name=str(job["metadata"]["name"]),
        training_job_uid=str(job["metadata"]["uid"]),
    )
    best_epoch = part(part(job, "status"), "best").get("epoch")
    last_is_best = best_epoch is None or best_epoch == keras.get("epoch")
    return ResolvedModel(model, is_best_missing=requested == "Best" and choice == "Last" and not last_is_best)


def _has_digest(file: Object) -> bool:
    """Return whether a file has a URI and a valid SHA-256 digest, so that no other file can be served in its place."""
    return bool(file.get("uri")) and re.search(SHA256_PATTERN, str(file.get("sha256"))) is not None


def _objects(value: object) -> list[Object]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
