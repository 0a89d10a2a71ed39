"""A valid TrainingJob as a plain document, in which tests change parts."""

from typing import Any


def training_job(*layers: dict[str, Any], **training: Any) -> dict[str, Any]:
    """Return a TrainingJob with these layers and fields of spec.training."""
    return {
        "apiVersion": "epochal.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {"name": "job"},
        "spec": {
            "storage": {"secretRef": {"name": "credentials"}},
            "data": {"bucket": "data", "train": {"object": "train.npz"}},
            "network": {"input": {"shape": [28, 28, 1]}, "layers": list(layers) or [{"layer": "Flatten"}]},
            "training": {"loss": "mse"} | training,
            "results": {"bucket": "results"},
        },
    }


def experiment(template: dict[str, Any]) -> dict[str, Any]:
    """Return an Experiment that searches nothing, with a TrainingJob as its template."""
    return {
        "apiVersion": "epochal.dev/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": "search"},
        "spec": {
            "objective": {"metric": "val_loss", "goal": "Minimize"},
            "search": {"method": "None"},
            "template": {"spec": template["spec"]},
        },
    }
