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
Method of the comparisons: searches run in virtual time, with the operator's own decisions and suggestions and four
trials at a time, on learning curves of 200 trials of digits.yaml that were recorded once ([experiments](experiments)).
A trial that was not recorded has the mean of the four nearest curves. Each search method runs with {SEEDS} seeds.
Medians have their 95 % interval, by a bootstrap over the seeds; inf is the value of searches that did not reach the
result. The value of a trial is the validation loss of its best epoch so far. The baseline is the final result of Random
with the same seed. A goal is met if the whole interval meets it.

Suggestions, and the search on the cluster: median (least-greatest, runs). Times in the objects of the cluster are whole
seconds. A goal is met if the greatest value meets it.
"""

if __name__ == "__main__":
    measure("experiments", __doc__, ROWS, HOW)
