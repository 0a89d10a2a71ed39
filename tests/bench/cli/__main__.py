"""`make bench-cli`: measures the command, prints the figures and writes its part of RESULTS.md."""

from collections.abc import Callable

from tests.bench.cli.convert import convert
from tests.bench.cli.start import before_a_training, on_a_cluster
from tests.bench.cli.watch import watched
from tests.bench.command import measure
from tests.bench.figures import Figure

ROWS: dict[str, Callable[[], list[Figure]]] = {
    "before": before_a_training,
    "list": on_a_cluster,
    "convert": convert,
    "watch": watched,
}
HOW = """\
Method: each run is a process. Its seconds of CPU are the user and the system time that the kernel reports; median
(least-greatest, runs). A command and its baseline run in turn (there and back), after a first run that writes the
bytecode. A command that stops at its first request connects to a port where no server listens. A fake API server in
another process has the 1,000 TrainingJobs. Only the row of `watch` needs the local cluster: an epoch counts as visible
in the status when the first of the two watches shows it.
"""

if __name__ == "__main__":
    measure("cli", __doc__, ROWS, HOW)
