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
        results: Local folder that replaces the results bucket; None for a bucket.

    Returns:
        The TrainingJob. If the file has no uid, the TrainingJob gets the uid of its last run in `results` if that run
        can be resumed, or else the current time as uid.

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
    """Return the SHA-256 in hex of spec.network, spec.model, spec.code, spec.data and spec.training."""
    return _digest(job, {})


def training_digest(job: TrainingJob, network_files: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the SHA-256 in hex of the fields and files that determine the results of the epochs.

    Unlike `spec_digest`, it ignores continueFrom, stopAfterEpoch and checkpoint in spec.training. So it is the same for
    a training in one TrainingJob and for the same training in several TrainingJobs.

    `network_files` are the digests, by URI, of the files that the network or its initial weights come from.
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
    """Return spec.training with its outputs sorted by name, and equal loss weights in the same notation.

    A loss weight of 1, the default, becomes None.
    """
    if training.outputs is None:
        return training
    outputs = [
        output.model_copy(update={"weight": None if factor == 1 else repr(factor)})
        for output, factor in ((each, each.factor) for each in sorted(training.outputs, key=lambda each: each.name))
    ]
    return training.model_copy(update={"outputs": outputs})


def unfinished(job: TrainingJob, results: Path) -> str | None:
    """Return the uid of a TrainingJob's last run if it can be resumed, else None.

    A run can be resumed if it trained the same spec, and has a checkpoint but no summary.json.
    """
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
