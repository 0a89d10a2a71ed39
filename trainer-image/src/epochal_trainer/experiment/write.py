"""Writes an Experiment's report into its bucket: the table and the best trial, then deletions, then the figures."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from epochal_api.experiment_report import ExperimentReport

from epochal_trainer.experiment import histories
from epochal_trainer.experiment.best import BEST, best
from epochal_trainer.experiment.figures import importance, objective, parallel, rungs
from epochal_trainer.experiment.free import free
from epochal_trainer.experiment.table import TABLE, table
from epochal_trainer.lib.failures import lacks_room
from epochal_trainer.reporting.results import Results
from epochal_trainer.storage import Bucket

log = logging.getLogger(__name__)

_SAID = 10
"""Maximum number of missing histories with a log line each."""

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
    files = _Files(Results(bucket, report.folder, check), scratch)
    files.store(TABLE, table(report, lambda trial, folder: bucket.uri(f"{report.trial_folder(trial, folder)}/")))
    if (text := best(report)) is not None:
        files.store(BEST, text)
    elif report.best is not None:
        log.warning("%s is left out: the template is so long that there is no room for it", BEST)
    # Before the figures, so that an error in a figure does not prevent the deletion.
    freed = free(report, bucket)
    if freed.refusal is not None:
        log.warning("Checkpoints that nobody needs stay: %s", freed.refusal)
    for name, figure in FIGURES.items():
        files.store_drawn(name, partial(figure, report))
    found = histories.read(report, bucket)
    for line in found.missing[:_SAID]:
        log.warning("No learning curve of %s", line)
    if len(found.missing) > _SAID:
        log.warning("No learning curves of %d more trials", len(found.missing) - _SAID)
    files.store_drawn(RUNGS, partial(rungs.draw, report, found))
    if report.omitted:
        log.warning("%d trials, the worst, are left out: there is no room to tell of all", report.omitted)
    told = f"{len(report.trials)} trials reported to {files.results.uri()}"
    return f"{told}; {freed.objects} objects of checkpoints deleted" if freed.objects else told


@dataclass(frozen=True)
class _Files:
    """Writes files of the report to the scratch folder and to the bucket."""

    results: Results
    scratch: Path

    def store(self, name: str, text: str) -> None:
        (self.scratch / name).write_text(text, encoding="utf-8")
        self.results.store(self.scratch / name, name)

    def store_drawn(self, name: str, draw: Callable[[Path], None]) -> None:
        """Draw and store a figure. An error in drawing is logged, and the report continues."""
        try:
            draw(self.scratch / name)
        except Exception as error:
            if lacks_room(error):
                raise
            log.exception("%s could not be drawn", name)
        else:
            self.results.store(self.scratch / name, name)
