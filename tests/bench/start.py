"""How long the trainer takes to start, stage by stage."""

from statistics import median

from tests.bench import pods
from tests.bench.figures import Figure, spread
from tests.bench.turns import abba
from tests.kit.jobs import Namespace, digits

ROUNDS = 4
IMPORT = "import time; began = time.monotonic(); import tensorflow; print('Seconds:', time.monotonic() - began)"
BEFORE_TRAINING = ("start", "network", "storage", "data")
"""Stages in summary.json before the first step."""


def start_up(namespace: Namespace) -> list[Figure]:
    """Measures the stages before the first step, in turn with `import tensorflow` alone in the same pod."""
    like = pods.raw_job(namespace, digits("start-template"))
    imports: list[float] = []
    stages: dict[str, list[float]] = {name: [] for name in BEFORE_TRAINING}
    for number, who in abba(ROUNDS):
        if who == "ours":
            summary = pods.ours(namespace, digits(f"start-{number}")).summary
            for name in BEFORE_TRAINING:
                stages[name].append(summary["seconds"][name])
        else:
            log = pods.script(namespace, like, f"start-import-{number}", IMPORT)
            imports.append(float(log.rpartition("Seconds:")[2]))
    whole = [sum(item) for item in zip(*stages.values(), strict=True)]
    parts = ", ".join(f"{name} {median(seconds):.2g} s" for name, seconds in stages.items())
    return [
        Figure(
            "the trainer's stages before the first step",
            f"`import tensorflow` alone in the same pod: {spread(imports)}",
            f"{spread(whole)}: {parts}",
        )
    ]
