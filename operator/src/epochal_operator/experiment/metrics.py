"""Prometheus metrics of every Experiment, computed from the objects."""

from collections.abc import Iterator

from epochal_api.experiment.spec import KIND
from epochal_api.experiment.status import EXPERIMENT_CONDITIONS, EXPERIMENT_STATES

from epochal_operator.experiment.reasons import Reason
from epochal_operator.runtime.api.resource import Object, part
from epochal_operator.runtime.metrics import KindMetrics, created_time, number, status_number, status_time

TRIAL_STATES = ("queued", "running", "paused", "complete", "failed", "diverged")


def _trials(experiment: Object) -> Iterator[tuple[str, float | None]]:
    """Yield the name of each state, with the number of trials in this state."""
    status = part(experiment, "status")
    for name in TRIAL_STATES if "trials" in status else ():
        yield name, number(part(status, "trials").get(name, 0))


def _best(experiment: Object) -> Iterator[tuple[str, float | None]]:
    """Yield the name of the objective's metric, with its best value."""
    status = part(experiment, "status")
    if best := part(status, "best"):
        yield str(part(status, "display").get("best", "")).partition(" ")[0], number(best.get("value"))


METRICS = KindMetrics(
    kind=KIND,
    states=EXPERIMENT_STATES,
    conditions=EXPERIMENT_CONDITIONS,
    reasons=Reason,
    labelled=(
        ("trials", "Trials of the Experiment.", "state", _trials),
        ("best_value", "The best value so far of the metric in spec.objective.", "metric", _best),
    ),
    values=(
        (
            "epochs_trained",
            "Epochs that the trials of the Experiment have trained.",
            status_number("epochs", "trained"),
        ),
        (
            "epochs_saved",
            "Epochs that were not trained, because trials were paused or stopped early.",
            status_number("epochs", "saved"),
        ),
        (
            "epochs_repeated",
            "Epochs that were trained twice, because the TrainingJob of a rung was lost.",
            status_number("epochs", "repeated"),
        ),
        ("created_time_seconds", "When the Experiment was created.", created_time),
        ("start_time_seconds", "When the Experiment started.", status_time("startTime")),
        ("completion_time_seconds", "When the Experiment completed or failed.", status_time("completionTime")),
    ),
)
