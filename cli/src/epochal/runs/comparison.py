"""The differences between TrainingJobs, or trials of an Experiment: spec fields and metrics."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from epochal.runs.flattening import LIMITS, Limits, flatten
from epochal.views.progress import state

MAX_RUNS = 100
"""Maximum number of runs in a comparison."""
NOT_SET = "-"
_STEERING = frozenset({"suspend", "finish"})
"""Fields of the spec that are not compared: they steer a run, and do not describe it."""


class Run(NamedTuple):
    """A run that is compared.

    Args:
        name: Name of the TrainingJob, or EXPERIMENT/NUMBER of a trial.
        state: Its state.
        fields: Values of the spec by their path, such as training.optimizer.learning_rate.
        figures: Figures of the result by their name, such as test.accuracy.
        objective: Metric and mode (Min or Max) of the best epoch, if known.
        is_cut: Whether its spec has more fields than are compared.
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
        fields: Paths of the fields that differ.
        figures: Names of all figures.
        best: Index of the run with the best value of the common objective, if there is one.
    """

    runs: Sequence[Run]
    fields: Sequence[str]
    figures: Sequence[str]
    best: int | None

    def table(self) -> list[list[str]]:
        """Return a row for each field and figure, and a column for each run. The first row is the header."""
        names = [f"{run.name} (best)" if index == self.best else run.name for index, run in enumerate(self.runs)]
        return [
            ["NAME", *names],
            ["state", *(run.state for run in self.runs)],
            *([path, *(run.fields.get(path, NOT_SET) for run in self.runs)] for path in self.fields),
            *([name, *(run.figures.get(name, NOT_SET) for run in self.runs)] for name in self.figures),
        ]

    def as_json(self) -> dict[str, Any]:
        """Return the comparison as plain values. Fields without a value are null."""
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
    """Return the differences between runs. A field without a value in some runs differs."""
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
        name: Its name in the comparison. Default: its own.
        limits: Limits of the fields of its spec.
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
    """Return the best trials of an Experiment, as its status lists them, with their parameters."""
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
    """Return trials of an Experiment by their numbers, from the rows of its trials.csv.

    Args:
        experiment: The Experiment.
        rows: The rows.
        numbers: Numbers of the trials; those without a row are left out.
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
    """Return the index of the best run, if all runs have the same objective and at least two have a value."""
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
