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
How servers are compared: `epochal-server` as a process of its own on one core, with one thread that computes; `wrk` on
the other core, with {CONNECTIONS} connections but where it says otherwise. Its requests are those that tritonclient
writes, each with another image of MNIST's test set. What it is measured beside has the same core, one at a time and in
turn (there and back), {ROUNDS} rounds of {SECONDS} s each; median (least-greatest, runs). Ratios stand with their 95 %
interval, by a bootstrap that draws rounds. A goal is met if the whole interval meets it: where the spread hides it, it
is not. On the cluster, where times are those at which a watch saw it, goals are met if the greatest meets them.
"""


def main() -> None:
    given = arguments("tests.bench.serving", __doc__, ROWS, mnist=True)
    report("bench-serving", measure_rows(given.only or ROWS, lambda row: ROWS[row](given.mnist)), HOW, given)


if __name__ == "__main__":
    main()
