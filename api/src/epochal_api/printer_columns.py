"""The columns of `kubectl get` and `epochal list`, as in the CRD. Importing them takes no time."""

from typing import Any


def _column(name: str, path: str, description: str, *, type_: str = "string", wide: bool = False) -> dict[str, Any]:
    """Return a printer column; `kubectl get` shows a wide column only with `-o wide`."""
    priority = {"priority": 1} if wide else {}
    return {"name": name, "type": type_, "jsonPath": path, **priority, "description": description}


def _reason(column: str, condition: str, description: str) -> dict[str, Any]:
    return _column(column, f'.status.conditions[?(@.type=="{condition}")].reason', description, wide=True)


_STATE = _column("State", ".status.state", "State of the object.")
_AGE = _column("Age", ".metadata.creationTimestamp", "Time since creation.", type_="date")
_READY = _reason("Reason", "Ready", "Reason of the condition Ready.")

TRAINING_JOBS = (
    _STATE,
    _column("Epoch", ".status.display.epoch", "Finished and total epochs."),
    _column("Metric", ".status.display.metric", "The main metric."),
    _column("Best", ".status.best.value", "Best value of the main metric so far."),
    _column("ETA", ".status.display.eta", "Expected time until the training ends, as of the last report."),
    _AGE,
    _READY,
    _column(
        "Last Report",
        ".status.progress.lastReportTime",
        "Time since the operator received the last report of the trainer.",
        type_="date",
        wide=True,
    ),
    _column("Attempt", ".status.attempt", "1 + the number of restarts.", type_="integer", wide=True),
    _column("GPUs", ".status.gpus", "Requested GPUs.", type_="integer", wide=True),
    _column("Parameters", ".status.network.parameters", "Weights of the network.", type_="integer", wide=True),
    _column("Model", ".status.results.model", "URI of the trained model.", wide=True),
)
EXPERIMENTS = (
    _STATE,
    _column("Trials", ".status.display.trials", "Trials so far and in total."),
    _column("Running", ".status.trials.running", "Trials that are being trained.", type_="integer"),
    _column("Best", ".status.display.best", "Best value so far."),
    _AGE,
    _READY,
    _column("Failed", ".status.trials.failed", "Failed trials.", type_="integer", wide=True),
    _column("Method", ".spec.search.method", "How parameters are selected.", wide=True),
)
MODEL_SERVERS = (
    _STATE,
    _column("Model", ".status.display.model", "The model, named by its training or its file."),
    _column("Ready", ".status.display.ready", "Ready and desired pods."),
    _column("URL", ".status.url", "Address of the server within the cluster."),
    _AGE,
    _READY,
    _reason("Progressing", "Progressing", "Reason of the condition Progressing: state of the rollout."),
    _column("Runtime", ".status.model.runtime", "Inference runtime.", wide=True),
    _column("URI", ".status.model.uri", "URI of the model.", wide=True),
)
LEDGERS = (_AGE,)
