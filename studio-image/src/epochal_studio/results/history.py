"""The metric curves of a TrainingJob: all epochs from history.csv in its bucket, or the last epoch from its status."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from epochal.client.buckets import Bucket
from epochal.client.cluster import MAX_LOG_LINE
from epochal.client.lines import split_lines
from epochal.runs.folder import Folder
from epochal.runs.history import HISTORY
from epochal.runs.thinning import StopReading, ThinnedHistory, thinned_history

from epochal_studio.problems import Refusal
from epochal_studio.results.folders import bucket_errors
from epochal_studio.results.pieces import PIECE, read_piece
from epochal_studio.runs.values import count, mapping, number, readable, text
from epochal_studio.wire.common import Problem
from epochal_studio.wire.results import MAX_METRICS, Curve, History

MAX_BYTES = 16 * 2**20
"""Maximum bytes that are read: 160,000 epochs with ten metrics, which need two seconds. Hostile lines need six. The
curves lack the epochs in the rest of the file."""
SECONDS = 25.0
"""Maximum seconds to read from a slow storage, less than DEADLINE_SECONDS of a call."""
_NOT_FOUND = 404


def history(found: Mapping[str, Any], folder: Folder, points: int) -> History:
    """Return the metric curves of a TrainingJob from its bucket; if the bucket fails, the last epoch in the status.

    Args:
        found: The TrainingJob.
        folder: Its results folder.
        points: Maximum points of each curve.
    """
    try:
        with bucket_errors():
            return read_history(folder, points)
    except Refusal as refusal:
        # Before the first epoch there is no file.
        return status_history(found, None if refusal.status == _NOT_FOUND else refusal.problem)


def read_history(folder: Folder, points: int) -> History:
    """Return the curves from history.csv in a results folder, each reduced to at most `points` points."""
    # Without its ETag: a running training replaces the file by a longer one with the same rows.
    key = f"{folder.path}/{HISTORY}"
    end = time.monotonic() + SECONDS
    size = folder.bucket.stat(key).size
    found = thinned_history(_lines(folder.bucket, key, size, end), points=points, metrics=MAX_METRICS)
    return History(
        curves=[_curve(name, found) for name in found.curves],
        epochs=found.epochs,
        is_thinned=found.is_thinned,
        omitted_metrics=found.omitted_metrics,
        source="bucket",
        problem=None if found.is_complete else _incomplete(found, size, is_late=time.monotonic() > end),
    )


def status_history(found: Mapping[str, Any], problem: Problem | None) -> History:
    """Return curves with a single point: the metrics of the last epoch, from the status.

    Args:
        found: The TrainingJob, with any content.
        problem: The error of the bucket; None if the bucket has no history.csv yet.
    """
    status = readable(found).status
    epoch = count(mapping(status.get("progress")).get("epoch")) or 0
    metrics = {text(name): number(value) for name, value in mapping(status.get("metrics")).items()}
    curves = [Curve(name=name, epochs=[epoch], values=[value]) for name, value in metrics.items() if value is not None]
    return History(
        curves=curves[:MAX_METRICS],
        epochs=epoch,
        is_thinned=False,
        omitted_metrics=max(0, len(curves) - MAX_METRICS),
        source="status" if curves else "none",
        problem=problem,
    )


def _lines(bucket: Bucket, key: str, size: int, end: float) -> Iterator[str]:
    """Yield the lines of history.csv. Raise StopReading after MAX_BYTES, or at the monotonic time `end`."""
    most = min(size, MAX_BYTES)

    def parts() -> Iterator[bytes]:
        for offset in range(0, most, PIECE):
            piece = read_piece(bucket, key, offset, min(PIECE, most - offset))
            if offset + PIECE >= most < size:
                piece = piece[: piece.rfind(b"\n") + 1]  # the first digits of a number are another number
            yield from (piece[start : start + MAX_LOG_LINE] for start in range(0, len(piece), MAX_LOG_LINE))

    for number_of_line, line in enumerate(split_lines(parts(), MAX_LOG_LINE)):
        if number_of_line % 1000 == 0 and time.monotonic() > end:
            raise StopReading
        yield line.decode(errors="replace")
    if most < size:
        raise StopReading


def _curve(name: str, found: ThinnedHistory) -> Curve:
    points = found.curves[name]
    return Curve(name=name, epochs=[point.epoch for point in points], values=[point.value for point in points])


def _incomplete(found: ThinnedHistory, size: int, *, is_late: bool) -> Problem:
    cause = "is damaged"
    if is_late:
        cause = f"could not be read within {SECONDS:g} s, because its storage or Studio is slow"
    elif size > MAX_BYTES:
        cause = f"has {size / 2**20:,.1f} MiB, but Studio reads at most {MAX_BYTES // 2**20} MiB"
    return Problem(
        reason="TooLarge",
        message=f"{HISTORY} {cause}: the curves show only its first {found.epochs:,} epochs.",
        remedy="Download the file for all epochs.",
    )
