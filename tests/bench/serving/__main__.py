"""`make bench-serving`: measures servers, prints the figures and writes its part of RESULTS.md."""

from collections.abc import Callable
from pathlib import Path

from tests.bench.command import arguments, report
from tests.bench.figures import Figure, measure_rows
from tests.bench.serving.cluster import on_cluster
from tests.bench.serving.one_core import CONNECTIONS, ROUNDS, SECONDS, mnist_network, slow_network

ROWS: dict[str, Callable[[Path], list[Figure]]] = {
    "mnist": mnist_network,
    "slow": slow_network,
    "cluster": on_cluster,
}
HOW = f"""\
Method: `epochal-server` runs as a process on one core and computes with one thread. `wrk` sends the load from the other
core, with {CONNECTIONS} connections if the row gives no other number. tritonclient has written the requests, each with
another image of MNIST's test set. The baseline runs on the same core. Server and baseline run in turn (there and
back), {ROUNDS} rounds of {SECONDS} s each; median (least-greatest, runs). Ratios have their 95 % interval, by a
bootstrap over the rounds. A goal is met if the whole interval meets it. On the cluster, times are those at which a
watch saw the change, and a goal is met if the greatest value meets it.
"""


def main() -> None:
    given = arguments("tests.bench.serving", __doc__, ROWS, mnist=True)
    report("bench-serving", measure_rows(given.only or ROWS, lambda row: ROWS[row](given.mnist)), HOW, given)


if __name__ == "__main__":
    main()
