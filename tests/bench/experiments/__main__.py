"""`make bench-experiments`: measures searches, prints the figures and writes its part of RESULTS.md."""

from collections.abc import Callable

from tests.bench.command import measure
from tests.bench.experiments.cluster import search_on_cluster
from tests.bench.experiments.compare import SEEDS, searches
from tests.bench.experiments.many import many
from tests.bench.experiments.replayed import replayed
from tests.bench.experiments.suggestions import suggestions
from tests.bench.figures import Figure

ROWS: dict[str, Callable[[], list[Figure]]] = {
    "searches": searches,
    "replay": replayed,
    "suggestions": suggestions,
    "cluster": search_on_cluster,
    "many": many,
}
HOW = f"""\
How searches are compared: in virtual time, by the operator's own decisions and suggestions, four trials at a time, on
learning curves of 200 trials of digits.yaml that were recorded once ([experiments](experiments)). A trial that
was not recorded has the mean of the four nearest curves. Each way to search runs with {SEEDS} seeds; medians stand with
their 95 % interval, by a bootstrap that draws seeds, and inf is for searches that never got there. A trial is worth the
validation loss of its best epoch so far. Random is compared with what it has found in the end, with the same seed. A
goal is met if the whole interval lies below it.

Suggestions and the search on the cluster: median (least-greatest, runs). What the cluster's objects tell are whole
seconds; goals are met if the greatest meets them.
"""

if __name__ == "__main__":
    measure("experiments", __doc__, ROWS, HOW)
