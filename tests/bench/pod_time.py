"""How long a training takes beside its epochs, compared with the import of TensorFlow and Keras in the same pod."""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from epochal_api.trainingjob.spec import parse

from tests.bench import pods
from tests.bench.figures import Figure, spread
from tests.bench.ratio import Ratio
from tests.kit import buckets
from tests.kit.jobs import Namespace, digits

IN_POD = (Path(__file__).parent / "in_pod.py").read_text()
IMPORT = "import"
GOALS: Mapping[str, tuple[str, float]] = {"onnx": ("with ONNX export", 1.8), "none": ("without an export", 1.4)}
"""Trainings of in_pod.py: how they are called, and the most that their ratio to the import may be."""
ROUND = (IMPORT, "none", "onnx")
ROUNDS = 6


def pod_time(namespace: Namespace) -> list[Figure]:
    """Measures trainings without their epochs in turn with `import tensorflow, keras`, all in one pod."""
    job = digits("pod-time", training__epochs=2)
    log = pods.script(namespace, pods.raw_job(namespace, job), "pod-time-turns", IN_POD, TURNS=" ".join(turns(ROUNDS)))
    results, store = parse(job).spec.results, buckets.connect()

    def history(uid: str) -> str:
        folder = results.folder(namespace=namespace.name, name=job["metadata"]["name"], uid=uid)
        return buckets.read(store, results.bucket, f"{folder}/history.csv").decode()

    return figures(measured(log, history))


def turns(rounds: int) -> list[str]:
    """Returns the order of a number of rounds, after an import that fills the page cache."""
    return [IMPORT, *(who for number in range(rounds) for who in (ROUND if number % 2 == 0 else ROUND[::-1]))]


def measured(log: str, history: Callable[[str], str]) -> dict[str, list[float]]:
    """Returns the seconds beside the epochs of each turn but the first, by name.

    Args:
        log: The output of in_pod.py.
        history: Returns the history.csv of the training with a uid.
    """
    found: dict[str, list[float]] = {who: [] for who in ROUND}
    for who, uid, seconds in re.findall(r"Turn: (\w+) (\S+) (\S+)", log)[1:]:
        epochs = 0.0 if who == IMPORT else _epoch_seconds(history(uid))
        found[who].append(float(seconds) - epochs)
    return found


def figures(seconds: Mapping[str, Sequence[float]]) -> list[Figure]:
    imports = list(seconds[IMPORT])
    rows = []
    for who, (words, goal) in GOALS.items():
        ratio = Ratio.of([[one] for one in seconds[who]], [[one] for one in imports])
        rows.append(
            Figure(
                f"pod time of a training without its epochs, {words}",
                f"`import tensorflow, keras` in the same pod: {spread(imports)}",
                f"{spread(list(seconds[who]))}: {ratio.describe(goal)}",
                f"at most {goal}",
                ratio.within(goal),
            )
        )
    return rows


def _epoch_seconds(history: str) -> float:
    return sum(float(row["seconds"]) for row in csv.DictReader(io.StringIO(history)))
