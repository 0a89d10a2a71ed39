"""Compares the spec fields and the metrics of TrainingJobs and of trials of Experiments."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from epochal.runs.flattening import LIMITS, Limits, flatten
from epochal.views.progress import state

MAX_RUNS = 100
"""Maximum number of runs in a comparison. More runs are refused."""
NOT_SET = "-"
_STEERING = frozenset({"suspend", "finish"})
"""Fields of the spec that are not compared: they suspend or end a run, and do not change its result."""


class Run(NamedTuple):
    """A TrainingJob, or a trial of an Experiment, in a comparison.

    Args:
        name: Name of the TrainingJob, or EXPERIMENT/NUMBER of a trial.
        state: State of the TrainingJob or trial; NOT_SET if it is unknown.
        fields: Values of spec fields by their path, such as training.optimizer.learning_rate; parameters of a trial.
        figures: Results as texts by their name, such as test.accuracy.
        objective: The metric that decides the best epoch, and its mode (Min or Max); None if unknown.
        is_cut: Whether some fields of the spec are missing in `fields`, because the spec is too large.
    """

    name: str
    state: str
    fields: Mapping[str, str]
    figures: Mapping[str, str]
    objective: tuple[str, str] | None = None
    is_cut: bool = False


class Comparison(NamedTuple):
    """The differences between runs.

    Args:
        runs: The runs.
        fields: Paths of the spec fields whose values differ between the runs.
        figures: Names of the results that at least one run has.
        best: Index of the run with the best value of the objective; None if the runs have no common objective.
    """

    runs: Sequence[Run]
    fields: Sequence[str]
    figures: Sequence[str]
    best: int | None

    def table(self) -> list[list[str]]:
        """Return a table with a header, a row for each field and each result, and a column for each run."""
        names = [f"{run.name} (best)" if index == self.best else run.name for index, run in enumerate(self.runs)]
        return [
            ["NAME", *names],
            ["state", *(run.state for run in self.runs)],
            *([path, *(run.fields.get(path, NOT_SET) for run in self.runs)] for path in self.fields),
            *([name, *(run.figures.get(name, NOT_SET) for run in self.runs)] for name in self.figures),
        ]

    def as_json(self) -> dict[str, Any]:
        """Return the comparison as JSON values. A field or result that a run does not have is null."""
        return {
            "runs": [
                {
                    "name": run.name,
                    "state": run.state,
                    "best": index == self.best,
                    "fields": {path: run.fields.get(path) for path in self.fields},
                    "figures": {name: run.figures.get(name) for name in self.figures},
                }
                for index, run in enumerate(self.runs)
            ]
        }


def compare(runs: Sequence[Run]) -> Comparison:
    """Return the differences between runs. A field that only some of the runs have is a difference."""
    # In one pass over the fields: runs of other networks may have thousands of paths each, and none in common.
    first: dict[str, str] = {}
    counts = Counter[str]()
    differs: set[str] = set()
    for run in runs:
        for path, value in run.fields.items():
            counts[path] += 1
            if first.setdefault(path, value) != value:
                differs.add(path)
    differing = [path for path in first if path in differs or counts[path] < len(runs)]
    figures = dict.fromkeys(name for run in runs for name in run.figures)
    return Comparison(runs, differing, list(figures), _best(runs))


def job_run(job: Mapping[str, Any], name: str | None = None, limits: Limits = LIMITS) -> Run:
    """Return a TrainingJob as a run.

    Args:
        job: The TrainingJob.
        name: The name in the comparison. Default: the name of the TrainingJob.
        limits: Limits for the number and size of the spec fields to compare.
    """
    status = job.get("status") or {}
    best = status.get("best") or {}
    progress = status.get("progress") or {}
    figures: dict[str, Any] = {}
    if best:
        figures |= {"best epoch": best.get("epoch"), f"best {best.get('metric')}": best.get("value")}
    figures |= {f"test.{metric}": value for metric, value in (status.get("test") or {}).items()}
    figures |= {f"last.{metric}": value for metric, value in (status.get("metrics") or {}).items()}
    spec = flatten({key: value for key, value in (job.get("spec") or {}).items() if key not in _STEERING}, limits)
    size = status.get("network") or {}
    figures |= {"epochs": progress.get("epoch"), "seconds per epoch": progress.get("secondsPerEpoch")}
    figures |= {"parameters": size.get("parameters"), "attempts": status.get("attempt")}
    return Run(
        name or str(job["metadata"]["name"]),
        state(job),
        spec.values,
        {key: str(value) for key, value in figures.items() if value is not None},
        (best["metric"], best["mode"]) if best.get("metric") and best.get("mode") else None,
        spec.is_cut,
    )


def top_trials(experiment: Mapping[str, Any]) -> list[Run]:
    """Return the best trials of an Experiment from its status, with their parameters as fields, the best first."""
    name, status = experiment["metadata"]["name"], experiment.get("status") or {}
    objective = (experiment.get("spec") or {}).get("objective") or {}
    ranked = status.get("top") or ([status["best"]] if status.get("best") else [])
    return [
        Run(
            f"{name}/{trial['trial']}",
            NOT_SET,  # the status lists trials without their state
            dict(trial.get("parameters") or {}),
            _figures({f"best {objective.get('metric')}": trial.get("value"), "best epoch": trial.get("epoch")}),
            _objective(objective),
        )
        for trial in ranked
    ]


def table_trials(experiment: Mapping[str, Any], rows: Sequence[Mapping[str, str]], numbers: Sequence[int]) -> list[Run]:
    """Return the trials of an Experiment with these numbers, from the rows of its trials.csv.

    Args:
        experiment: The Experiment.
        rows: The rows of trials.csv.
        numbers: Numbers of the trials. A number without a row is skipped.
    """
    name, objective = experiment["metadata"]["name"], (experiment.get("spec") or {}).get("objective") or {}
    own = ("number", "state", "rungs", "epochs", "seconds", "value", "uri")
    by_number = {row.get("number"): row for row in rows}
    return [
        Run(
            f"{name}/{number}",
            row.get("state") or NOT_SET,
            {
                column.removeprefix("parameter_") if column.removeprefix("parameter_") in own else column: value
                for column, value in row.items()
                if column not in own and value
            },
            _figures(
                {
                    f"best {objective.get('metric')}": row.get("value"),
                    "epochs": row.get("epochs"),
                    "seconds": row.get("seconds"),
                }
            ),
            _objective(objective),
        )
        for number in numbers
        if (row := by_number.get(str(number))) is not None
    ]


def _figures(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items() if value not in {None, ""}}


def _objective(objective: Mapping[str, Any]) -> tuple[str, str] | None:
    metric, goal = objective.get("metric"), objective.get("goal")
    return (metric, "Max" if goal == "Maximize" else "Min") if metric and goal else None


def _best(runs: Sequence[Run]) -> int | None:
    """Return the index of the best run; None if the objectives differ, or fewer than two runs have a value for it."""
    objectives = {run.objective for run in runs if run.objective}
    if len(objectives) != 1:
        return None
    metric, mode = objectives.pop()
    values: dict[int, float] = {}
    for index, run in enumerate(runs):
        try:
            values[index] = float(run.figures[f"best {metric}"])
        except (KeyError, ValueError):
            continue
    values = {index: value for index, value in values.items() if value == value}  # noqa: PLR0124 - without NaN
    if len(values) < 2:  # noqa: PLR2004
        return None
    return (max if mode == "Max" else min)(values, key=values.__getitem__)
