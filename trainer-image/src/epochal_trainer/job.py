"""Reads the TrainingJob that is to be trained."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from epochal_api.model import Model
from epochal_api.trainingjob import InvalidTrainingJob, TrainingJob, parse

from epochal_trainer.lib.failures import bad_spec
from epochal_trainer.reporting.results import ATTEMPTS, CHECKPOINTS, SUMMARY

_LATER = ("class_weight", "monitor", "precision", "stop_after_epoch")
"""Fields of spec.training that came later: a run of before one of them trained the very same as one without it."""


def read(path: Path, results: Path | None = None) -> TrainingJob:
    """Reads a TrainingJob.

    Args:
        path: A file, JSON or YAML.
        results: Folder that stands for the results bucket, if one does.

    Returns:
        The TrainingJob. One that no API server has taken gets an identity of its own: that of its last run, if that was
        stopped and can be gone on from, else the time.

    Raises:
        Failure: InvalidSpec, naming each field that is wrong, what was found and what must hold.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise bad_spec("InvalidSpec", f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise bad_spec("InvalidSpec", f"{path} is neither JSON nor YAML: {error}") from error
    try:
        job = parse(document)
    except InvalidTrainingJob as error:
        raise bad_spec("InvalidSpec", f"{path} is not a TrainingJob that can be trained:\n{error}") from error
    if job.metadata.uid:
        return job
    uid = (unfinished(job, results) if results else None) or datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    return job.model_copy(update={"metadata": job.metadata.model_copy(update={"uid": uid})})


def digest(job: TrainingJob) -> str:
    """Returns the SHA-256 in hex of what is trained: network, data and training."""
    spec = job.spec
    training = _unset(spec.training, *_LATER)
    if spec.training.continue_from is not None:
        training["continue_from"] = _unset(spec.training.continue_from, "from_")
    data = _unset(spec.data, "shuffle")
    if spec.data.validation is not None:
        data["validation"] = _unset(spec.data.validation, "stratify")
    later = {"data": data, "training": training}
    content = spec.model_dump_json(include={"network", "data", "training"}, exclude=later)
    return hashlib.sha256(content.encode()).hexdigest()


def recipe(job: TrainingJob) -> str:
    """Returns the SHA-256 in hex of all that the epochs of a training follow from: trained by parts, it is the same."""
    by_part = {"training": {"continue_from", "stop_after_epoch", "checkpoint"}}
    content = job.spec.model_dump_json(include={"network", "data", "training"}, exclude=by_part, exclude_defaults=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _unset(model: Model, *names: str) -> dict[str, Any]:
    """Returns which of the fields that came later are not set: a run of before them trained the very same."""
    return {name: True for name in names if name not in model.model_fields_set}


def unfinished(job: TrainingJob, results: Path) -> str | None:
    """Looks for a run of a TrainingJob that was stopped.

    Args:
        job: The TrainingJob.
        results: Folder that stands for the results bucket.

    Returns:
        The identity of its last run, if that has a checkpoint, but no end, and trained the very same; else None.
    """
    metadata, spec = job.metadata, job.spec
    runs = results / spec.results.folder(namespace=metadata.namespace, name=metadata.name, uid="")
    # Each is also there without the uid behind the number, and of before only so.
    last = max(runs.glob(f"*/{ATTEMPTS}/1[-.]*"), key=lambda path: path.stat().st_mtime, default=None)
    if last is None:
        return None
    folder = last.parent.parent
    try:
        same = json.loads(last.read_bytes()).get("spec") == digest(job)
    except (OSError, ValueError, AttributeError):
        return None
    stopped = any((folder / CHECKPOINTS).glob("*.zip")) and not (folder / SUMMARY).exists()
    return folder.name if same and stopped else None
