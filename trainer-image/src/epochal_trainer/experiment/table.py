"""The trials of an Experiment as a CSV table."""

import csv
import io
from collections.abc import Callable

from epochal_api.experiment_report import ExperimentReport, Folder, ReportedTrial

TABLE = "trials.csv"
_FIRST = ("number", "state")
_LAST = ("rungs", "epochs", "seconds", "value", "uri")


def table(report: ExperimentReport, uri: Callable[[ReportedTrial, Folder], str]) -> str:
    """Return the trials as CSV, with a row for each trial and a column for each parameter.

    A parameter with the name of another column gets the prefix `parameter_`.

    Args:
        report: The Experiment.
        uri: Returns the URI of a TrainingJob's results.
    """
    names = [axis.name for axis in report.axes]
    taken = {*_FIRST, *_LAST}
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow([*_FIRST, *(f"parameter_{name}" if name in taken else name for name in names), *_LAST])
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
