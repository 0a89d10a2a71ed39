"""The fake API server with TrainingJobs, in a process of its own: `python -m tests.bench.cli.api_server FOLDER COUNT`.

It writes the kubeconfig FOLDER/kubeconfig.yaml and a line, and serves until its standard input ends.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.unit.cli.api_server import ClusterInMemory
from tests.unit.cli.objects import put, running

EXAMPLE = Path(__file__).parents[3] / "manifests" / "examples" / "mnist.yaml"


@contextmanager
def served(folder: Path, count: int) -> Iterator[Mapping[str, str]]:
    """Yields the variables of a command that uses an API server with this number of TrainingJobs."""
    command = [sys.executable, "-m", "tests.bench.cli.api_server", str(folder), str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if not process.stdout or not process.stdout.readline():
            raise RuntimeError("the fake API server did not start")
        yield {"KUBECONFIG": str(folder / "kubeconfig.yaml"), "HOME": str(folder)}
        process.communicate()


def main() -> None:
    spec = yaml.safe_load(EXAMPLE.read_text())["spec"]
    cluster = ClusterInMemory(Path(sys.argv[1]))
    cluster.start()
    try:
        for number in range(int(sys.argv[2])):
            status = running(number % 10, loss="0.5", val_loss=f"0.{number}")
            put(cluster, "trainingjobs", f"job-{number}", spec, **status)
        print("ready", flush=True)
        sys.stdin.read()
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
