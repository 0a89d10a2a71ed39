"""MNIST from apply to Complete, and the cost of its evaluation."""

import json
from typing import Any

import yaml

from tests.bench import pods
from tests.bench.figures import Figure
from tests.kit import buckets
from tests.kit.jobs import EXAMPLES, Namespace

EVALUATION_SHARE = 0.05
"""Most that the evaluation may take of the training's time (docs/models.md)."""


def mnist(namespace: Namespace) -> list[Figure]:
    """Trains mnist.yaml as it is."""
    job = yaml.safe_load((EXAMPLES / "mnist.yaml").read_text())
    namespace.apply(job)
    status = namespace.complete("mnist", seconds=pods.SECONDS)
    created = namespace.job("mnist")["metadata"]["creationTimestamp"]
    seconds = pods.seconds_between(created, status["completionTime"])
    results = buckets.objects(buckets.connect(), status["results"]["uri"])
    return [
        Figure(
            f"MNIST, {job['spec']['training']['epochs']} epochs, apply -> Complete",
            "325 s, the service of 2018 with GPUs",
            f"{seconds:.0f} s",
            "under 200 s",
            seconds < 200,
        ),
        evaluation(json.loads(results["summary.json"])["seconds"], json.loads(results["evaluation.json"])),
    ]


def evaluation(seconds: dict[str, float], content: dict[str, Any]) -> Figure:
    """Returns the cost of an evaluation beside its training.

    Args:
        seconds: Seconds of each stage, as in summary.json.
        content: The content of evaluation.json.
    """
    training, cost = seconds["training"], seconds["evaluation"]
    return Figure(
        "its evaluation, with plots and the upload",
        f"its training: {training:.0f} s",
        f"{cost:.2f} s, {cost / training:.1%}; {content['skipped']} of {content['samples']} samples skipped",
        f"at most {EVALUATION_SHARE:.0%}, no sample skipped",
        cost <= EVALUATION_SHARE * training and not content["skipped"],
    )
