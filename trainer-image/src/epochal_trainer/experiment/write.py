"""Writes an Experiment's report into its bucket: table and best trial, then (after deletions) the figures."""

import csv
import io
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from epochal_api.experiment.report import ExperimentReport, ReportedTrial, TrialFolder

from epochal_trainer.experiment import histories
from epochal_trainer.experiment.best import BEST, best_job_yaml
from epochal_trainer.experiment.figures import importance, objective, parallel, rungs
from epochal_trainer.lib.failures import Failure, is_disk_full
from epochal_trainer.reporting.results import CHECKPOINTS, Results
from epochal_trainer.storage import Bucket

log = logging.getLogger(__name__)

TABLE = "trials.csv"
_FIRST_COLUMNS = ("number", "state")
_LAST_COLUMNS = ("rungs", "epochs", "seconds", "value", "uri")
_MAX_LOGGED = 10
"""Maximum number of log lines for trials without a history. The number of the others is logged in one line."""
_CONNECTIONS = 8

Draw = Callable[[ExperimentReport, Path], None]
FIGURES: dict[str, Draw] = {
    "objective.png": objective.draw,
    "parallel.png": parallel.draw,
    "importance.png": importance.draw,
}
RUNGS = "rungs.png"


def write(report: ExperimentReport, bucket: Bucket, scratch: Path, check: Callable[[], None]) -> str:
    """Write an Experiment's report, delete checkpoints that are no longer needed, and return a summary sentence.

    Args:
        report: The Experiment and its trials.
        bucket: The bucket with the results of the trials, into which the report is written.
        scratch: Local folder for the files before their upload.
        check: Called before each write. It raises an exception if the process must stop.

    Raises:
        Failure: If the storage does not respond, or denies access.
    """
    results = Results(bucket, report.folder, check)

    def store(name: str, text: str) -> None:
        (scratch / name).write_text(text, encoding="utf-8")
        results.store(scratch / name, name)

    store(TABLE, table(report, lambda trial, folder: bucket.uri(f"{report.trial_folder(trial, folder)}/")))
    if (text := best_job_yaml(report)) is not None:
        store(BEST, text)
    elif report.best is not None:
        log.warning("Cannot write %s: the template of the Experiment exceeds the size limit of the report", BEST)
    # Before the figures, so that an error in a figure does not prevent the deletion.
    deleted = delete_checkpoints(report, bucket)
    for name, figure in FIGURES.items():
        _store_figure(results, scratch / name, partial(figure, report))
    found = histories.read(report, bucket)
    for line in found.missing[:_MAX_LOGGED]:
        log.warning("No learning curve of %s", line)
    if len(found.missing) > _MAX_LOGGED:
        log.warning("No learning curves of %d more trials", len(found.missing) - _MAX_LOGGED)
    _store_figure(results, scratch / RUNGS, partial(rungs.draw, report, found))
    if report.omitted:
        log.warning("The report omits the worst %d trials: all trials would exceed its size limit", report.omitted)
    summary = f"{len(report.trials)} trials reported to {results.uri()}"
    return f"{summary}; {deleted} objects of checkpoints deleted" if deleted else summary


def _store_figure(results: Results, path: Path, draw: Callable[[Path], None]) -> None:
    """Draw and store a figure. An error of `draw` is logged, and the figure is left out; a full disk is raised."""
    try:
        draw(path)
    except Exception as error:
        if is_disk_full(error):
            raise
        log.exception("Cannot draw %s", path.name)
    else:
        results.store(path, path.name)


def table(report: ExperimentReport, uri: Callable[[ReportedTrial, TrialFolder], str]) -> str:
    """Return the trials as CSV, with a row for each trial and a column for each parameter.

    The column of a parameter whose name is that of another column, such as `state`, gets the prefix `parameter_`.
    """
    names = [axis.name for axis in report.axes]
    reserved = {*_FIRST_COLUMNS, *_LAST_COLUMNS}
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(
        [*_FIRST_COLUMNS, *(f"parameter_{name}" if name in reserved else name for name in names), *_LAST_COLUMNS]
    )
    for trial in report.trials:
        rows.writerow(
            [
                trial.number,
                trial.state,
                *(trial.parameters.get(name, "") for name in names),
                len(trial.rungs),
                trial.rungs[-1].epoch if trial.rungs else 0,
                sum(rung.seconds for rung in trial.rungs),
                trial.value or "",
                uri(trial, trial.last) if trial.last else "",
            ]
        )
    return text.getvalue()


def delete_checkpoints(report: ExperimentReport, bucket: Bucket) -> int:
    """Delete the checkpoints of the TrainingJobs in `ReportedTrial.freed`, which no trial needs any longer.

    Return the number of deleted objects. Earlier reports have usually deleted most of them. A failure of the storage is
    only logged as a warning: checkpoints that remain take space, but do no harm.
    """
    folders = [report.trial_folder(trial, folder) for trial in report.trials for folder in trial.freed]
    deleted = 0
    try:
        with ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="delete") as pool:
            found = pool.map(bucket.keys, [f"{folder}/{CHECKPOINTS}/" for folder in folders])
            for _ in pool.map(bucket.delete, [key for keys in found for key in keys]):
                deleted += 1
    except Failure as failure:
        log.warning("Cannot delete checkpoints that are no longer needed: %s", failure.message)
    return deleted
