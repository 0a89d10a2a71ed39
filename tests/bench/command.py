"""The command of a bench: it measures all rows, or those of --only, and writes its part of RESULTS.md."""

import argparse
from collections.abc import Callable, Mapping

from tests.bench.figures import Figure, measure_rows, table
from tests.bench.results import put, when_and_where


def measure(name: str, about: str | None, rows: Mapping[str, Callable[[], list[Figure]]], how: str) -> None:
    """Measures the rows of the command line, and prints the figures.

    Args:
        name: Name of the bench, such as cli.
        about: The description for --help.
        rows: The measurements by the names of their rows.
        how: How they are measured, to stand below the table.
    """
    parser = argparse.ArgumentParser(prog=f"python -m tests.bench.{name}", description=about)
    parser.add_argument("--only", nargs="+", choices=rows, metavar="ROW", help=f"rows to measure, of {', '.join(rows)}")
    only = parser.parse_args().only
    figures = measure_rows(only or rows, lambda row: rows[row]())
    text = f"{when_and_where()}.\n\n{table(figures)}\n{how}"
    if not only:
        put(f"What `make bench-{name}` measured", text)
    print(text)
