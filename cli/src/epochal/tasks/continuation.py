"""Continues the training of an earlier TrainingJob, with a new TrainingJob that has `continueFrom`."""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from itertools import count, islice
from typing import Any, Literal

from epochal_api.text import printable

from epochal.client.cluster import Cluster
from epochal.client.failures import ApiError
from epochal.client.kinds import TRAINING_JOBS
from epochal.client.references import Found
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode

MAX_NAME = 63
MAX_NAMES = 20
"""Maximum number of names to try, if objects of these names exist."""
_QUEUE = "kueue.x-k8s.io/queue-name"
_EPOCHS = re.compile(r"(\+?)([0-9]{1,9})", re.ASCII)


def total_epochs(text: str, job: Mapping[str, Any]) -> int:
    """Return the total epochs of the new TrainingJob, which include the epochs of the earlier TrainingJob.

    Args:
        text: The option --epochs: a total such as 30, or additional epochs such as +10.
        job: The earlier TrainingJob.

    Raises:
        EpochalError: If the text is no number of epochs, or adds no epoch.
    """
    match = _EPOCHS.fullmatch(text.strip())
    if match is None:
        raise EpochalError(
            f"--epochs must be a total such as 30, or more epochs such as +10, found {printable(text[:64])!r}.",
            exit_code=ExitCode.USAGE,
        )
    trained = trained_epochs(job)
    total = int(match[2]) + (trained if match[1] else 0)
    if total <= trained:
        raise EpochalError(
            f"--epochs must be more than {trained}, because the total includes trained epochs, found {total}.",
            f"Write --epochs +{match[2]} for {match[2]} more epochs." if int(match[2]) else "",
            exit_code=ExitCode.USAGE,
        )
    return total


def trained_epochs(job: Mapping[str, Any]) -> int:
    """Return the epochs that a TrainingJob has trained if it has ended, otherwise its planned epochs."""
    status = job.get("status") or {}
    planned = int((job["spec"].get("training") or {}).get("epochs") or 0)
    if status.get("state") not in {"Complete", "Failed"}:
        return planned
    return int((status.get("progress") or {}).get("epoch") or 0)


def continuation(
    job: Mapping[str, Any], epochs: int, name: str, from_: Literal["Last", "Best"] = "Last"
) -> dict[str, Any]:
    """Return a TrainingJob that continues an earlier TrainingJob, as plain values.

    Args:
        job: The earlier TrainingJob, as the API server has it.
        epochs: The total epochs, which include those of the earlier TrainingJob.
        name: Name of the new TrainingJob.
        from_: The weights with which it starts: those of the last or of the best epoch.
    """
    spec = deepcopy(dict(job["spec"]))
    for field in ("suspend", "finish"):
        spec.pop(field, None)
    training = {field: value for field, value in spec["training"].items() if field != "stopAfterEpoch"}
    start = {"name": job["metadata"]["name"], **({"from": from_} if from_ != "Last" else {})}
    spec["training"] = training | {"epochs": epochs, "continueFrom": start}
    labels = copied_labels(job)
    metadata = {"name": name, **({"labels": labels} if labels else {})}
    return {"apiVersion": TRAINING_JOBS.api_version, "kind": TRAINING_JOBS.name, "metadata": metadata, "spec": spec}


def copied_labels(found: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels of an object that a copy of the object gets.

    Labels with a prefix, such as those of Helm, are not copied, because other programs own them. The label with the
    queue of Kueue is copied.
    """
    labels = found["metadata"].get("labels") or {}
    return {key: value for key, value in labels.items() if "/" not in key or key == _QUEUE}


def next_names(name: str) -> Iterator[str]:
    """Yield names for a TrainingJob that continues the TrainingJob `name`, such as mnist-2, mnist-3, … for mnist."""
    match = re.fullmatch(r"(.+)-([0-9]{1,6})", name, re.ASCII)
    base, first = (match[1], int(match[2]) + 1) if match else (name, 2)
    for number in count(first):
        suffix = f"-{number}"
        yield base[: MAX_NAME - len(suffix)].rstrip("-") + suffix


def create_continuation(
    cluster: Cluster,
    job: Mapping[str, Any],
    epochs: int,
    *,
    name: str | None = None,
    from_: Literal["Last", "Best"] = "Last",
) -> Found:
    """Create a TrainingJob that continues an earlier TrainingJob, and return it as the API server stored it.

    Args:
        cluster: The cluster.
        job: The earlier TrainingJob.
        epochs: The total epochs, which include those of the earlier TrainingJob.
        name: Name of the new TrainingJob. Default: the first free name of `next_names`.
        from_: The weights with which it starts: those of the last or of the best epoch.
    """
    names = [name] if name else list(islice(next_names(job["metadata"]["name"]), MAX_NAMES))
    for candidate in names:
        try:
            stored = cluster.create(TRAINING_JOBS, continuation(job, epochs, candidate, from_))
        except ApiError as error:
            if error.reason == "AlreadyExists" and candidate != names[-1]:
                continue
            raise
        return Found(TRAINING_JOBS, candidate, stored)
    raise AssertionError
