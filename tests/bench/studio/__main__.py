"""`make bench-studio`: measures the pages and the back end of Studio, and writes its part of RESULTS.md."""

import argparse
from collections.abc import Callable

from tests.bench.figures import Figure, measure_rows, table
from tests.bench.results import put, when_and_where
from tests.bench.studio.crowd import crowd
from tests.bench.studio.curves import curves
from tests.bench.studio.modeler import modeler
from tests.bench.studio.runs_list import runs_list

ROWS: dict[str, Callable[[], list[Figure]]] = {"list": runs_list, "curves": curves, "modeler": modeler, "crowd": crowd}
HOW = """\
How Studio is measured: the built pages in Chromium with software rendering, on Studio's own process, beside a fake API
server and an S3 service on the loopback address; median (least-greatest, runs). A time in a page begins with the
navigation or the event, and ends with the frame after the page has the result. The work of the main thread is the
duration of its tasks, by the developer tools. A browser of the crowd is a client that reads the stream. The checker of
the modeler is a process of this machine; beside it, the same networks are sent to it without a page.
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.studio", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=ROWS, metavar="ROW", help=f"rows to measure, of {', '.join(ROWS)}")
    only = parser.parse_args().only
    figures = measure_rows(only or ROWS, lambda row: ROWS[row]())
    text = f"{when_and_where()}.\n\n{table(figures)}\n{HOW}"
    if not only:
        put("What `make bench-studio` measured", text)
    print(text)


if __name__ == "__main__":
    main()
