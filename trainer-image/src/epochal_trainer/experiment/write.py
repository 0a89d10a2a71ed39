"""Writes an Experiment's report into its bucket: the table and the best trial, then deletions, then the figures."""

import csv
import io
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from epochal_api.experiment.report import ExperimentReport, ReportedTrial, TrialFolder

from epochal_trainer.experiment import histories
from epochal_trainer.experiment.best import BEST, best
from epochal_trainer.experiment.figures import importance, objective, parallel, rungs
from epochal_trainer.lib.failures import Failure, lacks_room
from epochal_trainer.reporting.results import CHECKPOINTS, Results
from epochal_trainer.storage import Bucket

log = logging.getLogger(__name__)

TABLE = "trials.csv"
_FIRST_COLUMNS = ("number", "state")
_LAST_COLUMNS = ("rungs", "epochs", "seconds", "value", "uri")
_MOST_LOGGED = 10
"""Maximum number of missing histories with a log line each."""
_CONNECTIONS = 8

Draw = Callable[[ExperimentReport, Path], None]
FIGURES: dict[str, Draw] = {
    "objective.png": objective.draw,
    "parallel.png": parallel.draw,
    "importance.png": importance.draw,
}
RUNGS = "rungs.png"


def write(report: ExperimentReport, bucket: Bucket, scratch: Path, check: Callable[[], None]) -> str:
    """Write an Experiment's report, and delete the checkpoints that it lists as freed.

    Args:
        report: The Experiment.
        bucket: Holds the results of its trials, and takes the report.
        scratch: Folder for files before their upload.
        check: Called before each write; raises if the run must end.

    Returns:
        A summary sentence.

    Raises:
        Failure: If the bucket does not answer, or denies a write.
    """
    results = Results(bucket, report.folder, check)

    def store(name: str, text: str) -> None:
        (scratch / name).write_text(text, encoding="utf-8")
        results.store(scratch / name, name)

    store(TABLE, table(report, lambda trial, folder: bucket.uri(f"{report.trial_folder(trial, folder)}/")))
    if (text := best(report)) is not None:
        store(BEST, text)
    elif report.best is not None:
        log.warning("%s is left out: the template is so long that there is no room for it", BEST)
    # Before the figures, so that an error in a figure does not prevent the deletion.
    deleted = delete_checkpoints(report, bucket)
    for name, figure in FIGURES.items():
        _store_figure(results, scratch / name, partial(figure, report))
    found = histories.read(report, bucket)
    for line in found.missing[:_MOST_LOGGED]:
        log.warning("No learning curve of %s", line)
    if len(found.missing) > _MOST_LOGGED:
        log.warning("No learning curves of %d more trials", len(found.missing) - _MOST_LOGGED)
    _store_figure(results, scratch / RUNGS, partial(rungs.draw, report, found))
    if report.omitted:
        log.warning("%d trials, the worst, are left out: there is no room to tell of all", report.omitted)
    summary = f"{len(report.trials)} trials reported to {results.uri()}"
    return f"{summary}; {deleted} objects of checkpoints deleted" if deleted else summary


def _store_figure(results: Results, path: Path, draw: Callable[[Path], None]) -> None:
    """Draw and store a figure. An error in drawing is logged, and the report continues."""
    try:
        draw(path)
    except Exception as error:
        if lacks_room(error):
            raise
        log.exception("%s could not be drawn", path.name)
    else:
        results.store(path, path.name)


def table(report: ExperimentReport, uri: Callable[[ReportedTrial, TrialFolder], str]) -> str:
    """Return the trials as CSV, with a row for each trial and a column for each parameter.

    A parameter with the name of another column gets the prefix `parameter_`.

    Args:
        report: The Experiment.
        uri: Returns the URI of a TrainingJob's results.
    """
    names = [axis.name for axis in report.axes]
    taken = {*_FIRST_COLUMNS, *_LAST_COLUMNS}
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(
        [*_FIRST_COLUMNS, *(f"parameter_{name}" if name in taken else name for name in names), *_LAST_COLUMNS]
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
    """Delete the checkpoints that a report lists as freed, and return the number of deleted objects.

    Earlier reports have deleted most of them already: with 1,000 trials, 1,000 folders are listed. Checkpoints that
    cannot be deleted stay, with a warning. They only take space.

    Args:
        report: The Experiment. It lists only TrainingJobs of its own trials.
        bucket: Holds their results.
    """
    folders = [report.trial_folder(trial, folder) for trial in report.trials for folder in trial.freed]
    deleted = 0
    try:
        with ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="delete") as pool:
            found = pool.map(bucket.keys, [f"{folder}/{CHECKPOINTS}/" for folder in folders])
            for _ in pool.map(bucket.delete, [key for keys in found for key in keys]):
                deleted += 1
    except Failure as failure:
        log.warning("Checkpoints that are no longer needed stay: %s", failure.message)
    return deleted
