"""Documents as a user writes them."""

from typing import Any

import yaml

LAYERS = [
    {"layer": "Conv2D", "filters": 8, "kernel_size": 3},
    {"layer": "Flatten"},
    {"layer": "Dense", "units": 10, "activation": "softmax"},
]
SPEC = {
    "storage": {"secretRef": {"name": "keys"}},
    "data": {"bucket": "data", "train": {"object": "train.npz"}},
    "network": {"input": {"shape": [8, 8, 1]}, "layers": LAYERS},
    "training": {"epochs": 3, "loss": "SparseCategoricalCrossentropy"},
    "results": {"bucket": "results"},
}


def document(*layers: Any, kind: str = "TrainingJob", name: str = "mnist", **fields: Any) -> dict[str, Any]:
    """Return a TrainingJob with layers, or with fields of the spec in place of those of SPEC."""
    network = {**SPEC["network"], "layers": list(layers)} if layers else SPEC["network"]
    spec = {**SPEC, "network": network, **fields}
    about = {"apiVersion": "epochal.dev/v1alpha1", "kind": kind, "metadata": {"name": name}}
    return {**about, "spec": {name: value for name, value in spec.items() if value is not None}}


def experiment(*layers: Any, paths: tuple[str, ...] = (), **parameter: Any) -> dict[str, Any]:
    """Return an Experiment whose template has layers, with a parameter."""
    about = document(*layers, kind="Experiment", name="search")
    searched = {"name": "units", "paths": list(paths), **(parameter or {"int": {"min": 8, "max": 32}})}
    spec = {
        "objective": {"metric": "val_loss", "goal": "Minimize"},
        "maxTrials": 4,
        "parameters": [searched],
        "template": {"spec": about["spec"]},
    }
    return {**about, "spec": spec}


def text(found: Any) -> str:
    """Return a document as YAML."""
    return str(yaml.safe_dump(found, sort_keys=False))
