"""The search that is measured: five hyper-parameters of the network of digits.yaml."""

from typing import Any

from epochal_api.experiment.spec import ExperimentSpec

from tests.kit.jobs import digits
from tests.kit.kubectl import Object

NAME = "digits-search"
UID = "00000000-0000-4000-8000-000000000000"
METRIC = "val_loss"
"""What trials are judged by: on the 288 images that are held out, accuracy does not tell the best trials apart."""
EPOCHS = 27
PARALLELISM = 4
PARAMETERS: tuple[Object, ...] = (
    {
        "name": "learningRate",
        "paths": ["training.optimizer.learning_rate"],
        "float": {"min": "1e-4", "max": "1e-1", "scale": "Log"},
    },
    {"name": "filters", "paths": ["network.layers[1].filters"], "int": {"min": 4, "max": 32, "step": 4}},
    {"name": "dropout", "paths": ["network.layers[3].rate"], "float": {"min": "0", "max": "0.6", "step": "0.1"}},
    {"name": "optimizer", "paths": ["training.optimizer.name"], "values": ["Adam", "SGD"]},
    {
        "name": "momentum",
        "paths": ["training.optimizer.momentum"],
        "float": {"min": "0.5", "max": "0.99"},
        "when": {"parameter": "optimizer", "values": ["SGD"]},
    },
)
FULL: Object = {"method": "None"}
ASHA: Object = {"method": "ASHA", "minEpochs": 1, "factor": 3}
HYPERBAND: Object = {"method": "Hyperband", "minEpochs": 1, "factor": 3}


def experiment(
    search: str,
    schedule: Object,
    *,
    trials: int,
    seed: int = 0,
    epochs: int = EPOCHS,
    parallelism: int = PARALLELISM,
) -> Object:
    """Returns an Experiment, as JSON.

    Args:
        search: Method of its search.
        schedule: Its schedule.
        trials: How many there are in all.
        seed: Seed of its search.
        epochs: The most that a trial gets.
        parallelism: How many are trained at the same time.
    """
    return {
        "apiVersion": "epochal.dev/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": NAME, "namespace": "bench", "uid": UID},
        "spec": {
            "objective": {"metric": METRIC, "goal": "Minimize"},
            "search": {"method": search, "seed": seed},
            "schedule": schedule,
            "parallelism": parallelism,
            "maxTrials": trials,
            "maxFailedTrials": 20,
            "parameters": list(PARAMETERS),
            "template": {"spec": template(epochs)},
        },
    }


def template(epochs: int = EPOCHS) -> Object:
    """Returns the spec of the template's TrainingJob: digits.yaml, which ends no training early."""
    spec: Object = digits(training__callbacks=None, training__epochs=epochs, training__batchSize=64)["spec"]
    return spec


def spec_of(document: Any) -> ExperimentSpec:
    """Returns the spec of an Experiment that is given as JSON."""
    return ExperimentSpec.model_validate(document["spec"])
