"""Optuna alone in one process, for comparison with the suggestions. It reads the known trials from stdin."""

import json
import sys
import time
from pathlib import Path

began = time.perf_counter()

import optuna  # noqa: E402
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution  # noqa: E402
from optuna.trial import TrialState, create_trial  # noqa: E402

imported = time.perf_counter() - began
optuna.logging.set_verbosity(optuna.logging.ERROR)
known = json.load(sys.stdin)
DISTRIBUTIONS = {
    "learningRate": FloatDistribution(1e-4, 1e-1, log=True),
    "filters": IntDistribution(4, 32, step=4),
    "dropout": FloatDistribution(0, 0.6, step=0.1),
    "optimizer": CategoricalDistribution(("Adam", "SGD")),
    "momentum": FloatDistribution(0.5, 0.99),
}


def study() -> optuna.Study:
    """Returns a study with the known trials."""
    made = optuna.create_study(direction="minimize", sampler=optuna.samplers.TPESampler(seed=0, constant_liar=True))
    for item in known:
        complete = item["state"] == "Complete"
        made.add_trial(
            create_trial(
                params=item["parameters"],
                distributions={name: DISTRIBUTIONS[name] for name in item["parameters"]},
                state=TrialState.COMPLETE if complete else TrialState.PRUNED,
                value=item["values"][-1][1] if complete else None,
                intermediate_values=dict(item["values"]),
            )
        )
    return made


def ask(made: optuna.Study) -> None:
    trial = made.ask()
    trial.suggest_float("learningRate", 1e-4, 1e-1, log=True)
    trial.suggest_int("filters", 4, 32, step=4)
    trial.suggest_float("dropout", 0, 0.6, step=0.1)
    if trial.suggest_categorical("optimizer", ("Adam", "SGD")) == "SGD":
        trial.suggest_float("momentum", 0.5, 0.99)


def seconds(count: int) -> float:
    """Returns the duration of so many suggestions, with the creation of the study."""
    start = time.perf_counter()
    made = study()
    for _ in range(count):
        ask(made)
    return time.perf_counter() - start


one, hundred = seconds(1), seconds(100)
peak = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
print(json.dumps({"import": imported, "one": one, "hundred": hundred, "megabytes": int(peak) / 1000}))
