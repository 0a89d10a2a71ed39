"""`make bench`: measures on the local cluster, prints the figures and writes RESULTS.md."""

import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.figures import Figure, table
from tests.bench.memory import operator_memory
from tests.bench.schedule import apply_to_running, epoch_to_status
from tests.bench.train import trainer_beside_script
from tests.demo.mnist import files
from tests.kit import buckets
from tests.kit.jobs import Namespace, digits_file
from tests.kit.kubectl import apply, kubectl

RESULTS = Path(__file__).parent / "RESULTS.md"
NAMESPACE = "bench"


def measure() -> list[Figure]:
    store = buckets.connect()
    buckets.fill(store, "mnist-data", files(Path(sys.argv[1])))
    buckets.fill(store, "mnist-results", [])
    with tempfile.TemporaryDirectory() as folder:
        buckets.fill(store, "digits-data", [digits_file(Path(folder))])
    buckets.fill(store, "digits-results", [])
    namespace = Namespace(NAMESPACE)
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait")
    apply(*buckets.namespace_with_credentials(NAMESPACE, *buckets.credentials()))
    figures = []
    for step in (operator_memory, apply_to_running, epoch_to_status):
        print(f"{step.__name__} ...", flush=True)
        figures.append(step(namespace))
        print(f"  {figures[-1].measured}", flush=True)
    print("trainer_beside_script ...", flush=True)
    figures += trainer_beside_script(namespace)
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")
    return figures


def main() -> None:
    figures = measure()
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    machine = f"{os.cpu_count()} cores, Linux {platform.release().split('-')[0]}, {platform.machine()}"
    text = f"# What `make bench` measured\n\n{when}, {machine}, the local cluster; median (least-greatest, runs).\n\n"
    text += table(figures)
    RESULTS.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
