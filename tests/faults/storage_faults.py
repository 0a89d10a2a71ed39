"""Faults of the storage: away, slow, silent, full, in each phase of a training."""

import time
from functools import partial

from tests.faults import cluster
from tests.faults.disturbed_training import Training
from tests.faults.s3proxy import Mode, RequestFilter
from tests.faults.scenario import Scenario, Span

OUTAGE_SECONDS = 15
MINIO_SECONDS = 60


def _loads(method: str, path: str) -> bool:
    return method == "GET" and "/digits-data/digits.npz" in path


def _begins(method: str, path: str) -> bool:
    return "/digits-results" in path


def _stores_model(method: str, path: str) -> bool:
    return method in ("PUT", "POST") and "/model.keras" in path


def _any(method: str, path: str) -> bool:
    return True


def misbehave(mode: Mode, asked: RequestFilter, training: Training) -> Span:
    """Lets the storage misbehave for some seconds from a certain request on."""
    return training.proxy.misbehave(mode, seconds=training.bed.outage or OUTAGE_SECONDS, asked=asked)


def lose_minio(training: Training) -> None:
    """Takes MinIO away for some time."""
    with cluster.scaled_to_nothing("minio", "minio"):
        time.sleep(training.bed.outage or MINIO_SECONDS)


def slow(training: Training) -> None:
    """Lets every request take a second longer, to the end."""
    training.proxy.mode = Mode.SLOW


def _in(name: str, mode: Mode, asked: RequestFilter, *, at_start: bool = True) -> Scenario:
    return Scenario(
        name,
        partial(misbehave, mode, asked),
        at_start=at_start,
        through_proxy=True,
        repeats=False,
        changes={"backoffLimit": 0},
    )


SCENARIOS = (
    _in("storage away before the download", Mode.CUT, _begins),
    _in("storage away during the download", Mode.HALF, _loads),
    _in("storage away during training", Mode.CUT, _any, at_start=False),
    _in("storage away during the upload", Mode.CUT, _stores_model),
    _in("storage silent during training", Mode.SILENT, _any, at_start=False),
    _in("storage answers 503 during the download", Mode.UNAVAILABLE, _loads),
    _in("storage full during training", Mode.FULL, _any, at_start=False),
    _in("storage full during the upload", Mode.FULL, _stores_model),
    Scenario(
        "storage that takes 1 s a request",
        slow,
        at_start=True,
        through_proxy=True,
        repeats=False,
        changes={"backoffLimit": 0},
    ),
    Scenario("MinIO stopped during training", lose_minio, alone=True, repeats=False, changes={"backoffLimit": 0}),
)
