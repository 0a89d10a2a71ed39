"""MNIST from apply to Complete."""

import yaml

from tests.bench import pods
from tests.bench.figures import Figure
from tests.kit.jobs import EXAMPLES, Namespace


def mnist(namespace: Namespace) -> list[Figure]:
    """Trains mnist.yaml as it is."""
    job = yaml.safe_load((EXAMPLES / "mnist.yaml").read_text())
    namespace.apply(job)
    status = namespace.complete("mnist", seconds=pods.SECONDS)
    created = namespace.job("mnist")["metadata"]["creationTimestamp"]
    seconds = pods.seconds_between(created, status["completionTime"])
    return [
        Figure(
            f"MNIST, {job['spec']['training']['epochs']} epochs, apply -> Complete",
            "325 s, the service of 2018 with GPUs",
            f"{seconds:.0f} s",
            "under 200 s",
            seconds < 200,
        )
    ]
