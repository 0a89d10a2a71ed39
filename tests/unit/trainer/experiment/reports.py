"""What is reported of Experiments, to try things with."""

from typing import Any

from epochal_api.experiment.report import ExperimentReport, ReportedParameter, ReportedRung, ReportedTrial, TrialFolder
from epochal_api.storage import Results, Storage

EPOCHS = (1, 3, 9)
UID = "6f0c6a52-0000-4000-8000-000000000001"
RATE = ReportedParameter(name="rate", log=True)
UNITS = ReportedParameter(name="units")
OPTIMIZER = ReportedParameter(name="optimizer", values=["Adam", "SGD"])
JOB: dict[str, Any] = {
    "apiVersion": "epochal.dev/v1alpha1",
    "kind": "TrainingJob",
    "metadata": {"name": "search-best", "namespace": "vision"},
    "spec": {
        "storage": {"secretRef": {"name": "none"}},
        "data": {"bucket": "data", "train": {"object": "train.npz"}, "validation": {"split": "0.2"}},
        "network": {"input": {"shape": [4]}, "layers": [{"layer": "Dense", "units": 1, "bias_initializer": None}]},
        "training": {"epochs": 9, "loss": "MeanSquaredError", "optimizer": {"name": "Adam", "learning_rate": 1e-05}},
        "results": {"bucket": "results", "prefix": "models"},
    },
}


def place(number: int, rung: int) -> TrialFolder:
    """Returns where the results of a rung of a trial lie."""
    return TrialFolder(rung=rung, uid=f"uid-{number}-{rung}")


def trial(
    number: int, *values: str | None, state: str = "Paused", parameters: dict[str, str] | None = None, **rest: Any
) -> ReportedTrial:
    """Returns a trial that has finished a rung for each value."""
    rungs = [
        ReportedRung(uid=place(number, rung).uid, epoch=EPOCHS[rung], value=value, seconds=60)
        for rung, value in enumerate(values)
    ]
    return ReportedTrial(number=number, state=state, rungs=rungs, parameters=parameters or {}, **rest)


def report(*trials: ReportedTrial, **changes: Any) -> ExperimentReport:
    """Returns what is reported of an Experiment."""
    given: dict[str, Any] = {
        "namespace": "vision",
        "name": "search",
        "uid": UID,
        "storage": Storage.model_validate({"secretRef": {"name": "none"}}),
        "results": Results(bucket="results", prefix="models"),
        "metric": "val_accuracy",
        "goal": "Maximize",
        "axes": [RATE, UNITS, OPTIMIZER],
        "trials": list(trials),
    }
    return ExperimentReport(**given | changes)


SMALL = report(
    trial(0, "0.9", "0.93", "0.95", state="Complete", parameters={"rate": "0.001", "units": "32", "optimizer": "Adam"}),
    trial(1, "0.92", "0.94", "0.96", state="Complete", parameters={"rate": "0.01", "units": "64", "optimizer": "SGD"}),
    trial(2, "0.5", parameters={"rate": "0.1", "optimizer": "SGD"}),
    trial(3, state="Failed", failed=place(3, 0), parameters={"rate": "0.0001", "units": "16", "optimizer": "Adam"}),
    trial(4, state="Running", parameters={"rate": "0.002", "units": "48", "optimizer": "Adam"}),
    best=1,
    job=JOB,
    importance={"rate": "0.71", "units": "0.20", "optimizer": "0.09"},
)
"""Some trials, of which trial 1 is the best."""
