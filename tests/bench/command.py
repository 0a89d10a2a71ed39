"""The command of a bench: it measures all rows, or those of --only, and writes its part of RESULTS.md."""

import argparse
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from tests.bench.figures import Figure, measure_rows, table
from tests.bench.results import put, put_figures, when_and_where


def arguments(name: str, about: str | None, rows: Collection[str], *, mnist: bool = False) -> argparse.Namespace:
    """Returns the arguments of a bench: `only`, `record`, and with `mnist` the folder of MNIST.

    Args:
        name: Name of the module, such as tests.bench.cli.
        about: The description for --help.
        rows: Names of the rows.
        mnist: Whether the bench needs MNIST.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description=about)
    if mnist:
        parser.add_argument("mnist", type=Path, help="folder with the files of MNIST")
    parser.add_argument("--only", nargs="+", choices=rows, metavar="ROW", help=f"rows to measure, of {', '.join(rows)}")
    parser.add_argument("--record", action="store_true", help="write the rows of --only into RESULTS.md, with the day")
    return parser.parse_args()


def report(target: str, figures: list[Figure], how: str, given: argparse.Namespace, where: str = "") -> None:
    """Prints figures, and writes them into RESULTS.md: all of a bench, or those of --only with --record.

    Args:
        target: The target of make, such as bench-cli.
        figures: The measured figures.
        how: How they are measured, to stand below the table.
        given: The arguments of the command.
        where: Further words about the machine and the figures.
    """
    title, text = f"What `make {target}` measured", f"{when_and_where()}{where}.\n\n{table(figures)}\n{how}"
    if not given.only:
        put(title, text)
    elif given.record:
        put_figures(title, figures)
    print(text)


def measure(name: str, about: str | None, rows: Mapping[str, Callable[[], list[Figure]]], how: str) -> None:
    """Measures the rows of the command line, and reports the figures.

    Args:
        name: Name of the bench, such as cli.
        about: The description for --help.
        rows: The measurements by the names of their rows.
        how: How they are measured, to stand below the table.
    """
    given = arguments(f"tests.bench.{name}", about, rows)
    report(f"bench-{name}", measure_rows(given.only or rows, lambda row: rows[row]()), how, given)
