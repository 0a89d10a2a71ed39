"""Reads the TrainingJob of a run, and computes its digests."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import yaml
from epochal_api.documents import Loader
from epochal_api.trainingjob.spec import InvalidTrainingJob, TrainingJob, parse
from epochal_api.trainingjob.training import Training

from epochal_trainer.lib.failures import bad_spec
from epochal_trainer.reporting.results import ATTEMPTS, CHECKPOINTS, SUMMARY


def read(path: Path, results: Path | None = None) -> TrainingJob:
    """Read a TrainingJob from a file.

    Args:
        path: A file, JSON or YAML.
        results: Folder in place of the results bucket, if there is one.

    Returns:
        The TrainingJob. Without a uid, it gets the uid of its last run, if that run can be resumed, or else the time.

    Raises:
        Failure: InvalidSpec, with each wrong field, the value found and the requirement.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text) if path.suffix == ".json" else yaml.load(text, Loader)  # noqa: S506 - a safe loader
    except OSError as error:
        raise bad_spec("InvalidSpec", f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise bad_spec("InvalidSpec", f"cannot parse {path} as JSON or YAML: {error}") from error
    try:
        job = parse(document)
    except InvalidTrainingJob as error:
        raise bad_spec("InvalidSpec", f"{path} is not a valid TrainingJob:\n{error}") from error
    if job.metadata.uid:
        return job
    uid = (unfinished(job, results) if results else None) or datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    return job.model_copy(update={"metadata": job.metadata.model_copy(update={"uid": uid})})


def spec_digest(job: TrainingJob) -> str:
    """Return the SHA-256 in hex of the trained parts of the spec: its network, data and training."""
    return _digest(job, {})


def training_digest(job: TrainingJob, network_files: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the SHA-256 in hex of all that determines the epochs, whether trained at once or in parts.

    `network_files` are the digests of the files that the network comes from.
    """
    files = json.dumps(dict(network_files), sort_keys=True) if network_files else ""
    return _digest(job, {"training": {"continue_from", "stop_after_epoch", "checkpoint"}}, files)


def _digest(job: TrainingJob, exclude: dict[str, set[str]], files: str = "") -> str:
    # Without defaults, so that a field which a later version adds does not change the digest of an older spec.
    fields = {"network", "model", "code", "data", "training"}
    spec = job.spec.model_copy(update={"training": _normalize_outputs(job.spec.training)})
    content = spec.model_dump_json(include=fields, exclude=exclude, exclude_defaults=True) + files
    return hashlib.sha256(content.encode()).hexdigest()


def _normalize_outputs(training: Training) -> Training:
    """Return a training with its outputs sorted by name, and each weight in one notation, or None for a weight of 1."""
    if training.outputs is None:
        return training
    outputs = [
        output.model_copy(update={"weight": None if factor == 1 else repr(factor)})
        for output, factor in ((each, each.factor) for each in sorted(training.outputs, key=lambda each: each.name))
    ]
    return training.model_copy(update={"outputs": outputs})


def unfinished(job: TrainingJob, results: Path) -> str | None:
    """Return the uid of a TrainingJob's last run, if it has a checkpoint, has no summary, and trained the same spec."""
    metadata, spec = job.metadata, job.spec
    runs = results / spec.results.folder(namespace=metadata.namespace, name=metadata.name, uid="")
    last = max(runs.glob(f"*/{ATTEMPTS}/1-*"), key=lambda path: path.stat().st_mtime, default=None)
    if last is None:
        return None
    folder = last.parent.parent
    try:
        same = json.loads(last.read_bytes()).get("spec") == spec_digest(job)
    except (OSError, ValueError, AttributeError):
        return None
    stopped = any((folder / CHECKPOINTS).glob("*.zip")) and not (folder / SUMMARY).exists()
    return folder.name if same and stopped else None
