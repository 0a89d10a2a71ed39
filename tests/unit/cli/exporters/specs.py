"""TrainingJobs of the tests of exports."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from epochal.manifests import read_one
from epochal_api.trainingjob.spec import TrainingJob, parse

EXAMPLES = Path(__file__).parents[4] / "manifests" / "examples"
DENSE = {"layer": "Dense", "units": 3, "activation": "softmax"}


def example(name: str) -> TrainingJob:
    return read_one(EXAMPLES / f"{name}.yaml", TrainingJob)


def job(
    *layers: dict[str, Any],
    name: str = "tiny",
    training: dict[str, Any] | None = None,
    data: dict[str, Any] | None = None,
    outputs: Sequence[str] | None = None,
    network: dict[str, Any] | None = None,
    **spec: Any,
) -> TrainingJob:
    described = {"input": {"shape": [6]}, "layers": [*layers, DENSE], **(network or {})}
    if outputs is not None:
        described["outputs"] = list(outputs)
    document = {
        "apiVersion": "epochal.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {"name": name},
        "spec": {
            "storage": {"secretRef": {"name": "none"}},
            "data": {"bucket": "data", "train": {"object": "train.npz"}, **(data or {})},
            **({"network": described} if not {"model", "code"} & spec.keys() else {}),
            "training": {"epochs": 2, "loss": "SparseCategoricalCrossentropy", **(training or {})},
            "results": {"bucket": "results"},
            **spec,
        },
    }
    return parse(document)
