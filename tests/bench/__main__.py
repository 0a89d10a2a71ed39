"""`make bench`: measures on the local cluster, prints the figures and writes RESULTS.md."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.bench.at_once import many_at_once
from tests.bench.checker import asked_and_not, checker, refused
from tests.bench.command import arguments, report
from tests.bench.figures import Figure, measure_rows
from tests.bench.memory import operator_memory, policy_memory
from tests.bench.mnist import mnist
from tests.bench.networks import LARGE, NETWORKS, ROUNDS
from tests.bench.pod_time import pod_time
from tests.bench.schedule import apply_to_running, epoch_to_status
from tests.bench.train import EPOCHS, trainer_beside_script
from tests.demo.mnist import files
from tests.kit import buckets
from tests.kit.jobs import Namespace, digits_file
from tests.kit.kubectl import apply, kubectl

NAMESPACE = "bench"
ROWS: dict[str, Callable[[Namespace], list[Figure]]] = {
    "memory": operator_memory,
    "policy-memory": policy_memory,
    "running": apply_to_running,
    "at-once": many_at_once,
    "checker": checker,
    "refused": refused,
    "checked": asked_and_not,
    "visible": epoch_to_status,
    "pod-time": pod_time,
    **{f"train-{network.name}": partial(trainer_beside_script, network=network) for network in NETWORKS},
    "mnist": mnist,
}
HOW = f"""\
Method of the comparisons: the trainer, and a plain Keras script that stores no checkpoints, run in pods of the same
image and resources, one at a time, in turn (trainer, script, script, trainer, ...): {ROUNDS} runs of each
({LARGE.rounds} of {LARGE.says}) with {EPOCHS} epochs each. An epoch lasts from the end of the previous epoch to its own
end in the log of the pod. The first epoch does not count. Ratios have their 95 % interval, by a bootstrap over the
runs. A goal is met if the whole interval meets it.
"""


def fill(mnist_files: Path) -> None:
    """Fills the buckets with the data of all rows."""
    store = buckets.connect()
    buckets.fill(store, "mnist-data", files(mnist_files))
    for results in ("mnist-results", "digits-results", "bench-results"):
        buckets.fill(store, results, [])
    with tempfile.TemporaryDirectory() as folder:
        buckets.fill(store, "digits-data", [digits_file(Path(folder))])
        for network in NETWORKS:
            path = Path(folder) / f"{network.name}.npz"
            network.write_data(path)
            buckets.fill(store, "bench-data", [path])


def measure(rows: list[str]) -> list[Figure]:
    """Measures one row after the other, in a namespace that was not there before."""
    namespace = Namespace(NAMESPACE)
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait")
    apply(*buckets.namespace_with_credentials(NAMESPACE, *buckets.credentials()))
    figures = measure_rows(rows, lambda row: ROWS[row](namespace))
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")
    return figures


def main() -> None:
    given = arguments("tests.bench", __doc__, ROWS, mnist=True)
    fill(given.mnist)
    figures = measure(given.only or list(ROWS))
    report("bench", figures, HOW, given, ", the local cluster; median (least-greatest, runs)")


if __name__ == "__main__":
    main()
