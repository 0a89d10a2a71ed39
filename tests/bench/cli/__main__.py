"""`make bench-cli`: measures the command, prints the figures and writes its part of RESULTS.md."""

import argparse
from collections.abc import Callable

from tests.bench.cli.convert import convert
from tests.bench.cli.start import before_a_training, on_a_cluster
from tests.bench.cli.watch import watched
from tests.bench.figures import Figure, measure_rows, table
from tests.bench.results import put, when_and_where

ROWS: dict[str, Callable[[], list[Figure]]] = {
    "before": before_a_training,
    "list": on_a_cluster,
    "convert": convert,
    "watch": watched,
}
HOW = """\
How commands are measured: each run is a process, whose seconds of CPU the kernel tells, those of the user and of the
kernel; median (least-greatest, runs). A command and its comparison run in turn (there and back), after a first run that
writes the bytecode. A command that stops at its first request meets a port where no server listens. The 1,000
TrainingJobs are those of a fake API server in another process. Only the row of `watch` needs the local cluster: an
epoch is in the status when the first of the two watches shows it.
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cli", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=ROWS, metavar="ROW", help=f"rows to measure, of {', '.join(ROWS)}")
    only = parser.parse_args().only
    figures = measure_rows(only or ROWS, lambda row: ROWS[row]())
    text = f"{when_and_where()}.\n\n{table(figures)}\n{HOW}"
    if not only:
        put("What `make bench-cli` measured", text)
    print(text)


if __name__ == "__main__":
    main()
