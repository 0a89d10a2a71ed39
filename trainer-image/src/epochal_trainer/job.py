"""Reads the TrainingJob that is to be trained."""

import json
from datetime import UTC, datetime
from pathlib import Path

import yaml
from epochal_api.trainingjob import InvalidTrainingJob, TrainingJob, parse

from epochal_trainer.failures import bad_spec


def read(path: Path) -> TrainingJob:
    """Reads a TrainingJob.

    Args:
        path: A file, JSON or YAML.

    Returns:
        The TrainingJob. One that no API server has taken gets an identity of its own: the time.

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
    now = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    return job.model_copy(update={"metadata": job.metadata.model_copy(update={"uid": now})})
