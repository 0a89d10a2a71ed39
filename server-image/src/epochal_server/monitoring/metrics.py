"""The Prometheus metrics of a server."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SAMPLES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Histogram:
    """The counts and the sum of a histogram."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, value: float) -> None:
        """Add a value to the histogram."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def add_to(self, family: HistogramMetricFamily, labels: Sequence[str]) -> None:
        """Add this histogram to a Prometheus metric family, as a series with the given label values."""
        buckets: list[tuple[str, float]] = []
        total = 0
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            total += count
            buckets.append(("+Inf" if bound == float("inf") else str(float(bound)), total))
        family.add_metric(labels, buckets, self._sum)


class Metrics(Collector):
    """The Prometheus metrics of a server.

    The metrics are plain numbers, and become series when Prometheus reads them. A library's counters would cost each
    request ten times as much.

    The event loop's thread calls all methods except `collect`, which runs in another thread without a lock. `collect`
    copies each dictionary by one call that no other thread interrupts. A number that changes meanwhile has the old or
    the new value.
    """

    def __init__(self, waiting: Callable[[], int]) -> None:
        self._waiting = waiting
        self._requests: Counter[tuple[str, int]] = Counter()
        self._seconds: defaultdict[str, Histogram] = defaultdict(lambda: Histogram(SECONDS))
        self._received: Counter[str] = Counter()
        self._sent: Counter[str] = Counter()
        self._batches = Histogram(SAMPLES)
        self._classes: Sequence[str] = ()
        self._predictions = np.zeros(0, np.int64)
        self._not_finite = 0
        self._load_seconds: float | None = None
        self._info: dict[str, str] = {}

    def request(self, protocol: str, code: int, seconds: float, received: int, sent: int) -> None:
        """Count a request and its response."""
        self._requests[protocol, code] += 1
        self._seconds[protocol].add(seconds)
        self._received[protocol] += received
        self._sent[protocol] += sent

    def batch(self, samples: int) -> None:
        """Count one call of the model with this number of samples."""
        self._batches.add(samples)

    def not_finite(self, samples: int) -> None:
        """Add `samples` to the number of samples for which the model returned NaN or infinity."""
        self._not_finite += samples

    def predictions(self, counts: np.ndarray) -> None:
        """Add the number of predictions of each class, in the order of the class names."""
        self._predictions += counts

    def loaded(self, seconds: float, classes: Sequence[str], **info: str) -> None:
        """Store the seconds of loading, the names of counted classes, and the labels of epochal_server_info."""
        self._classes, self._predictions = classes, np.zeros(len(classes), np.int64)
        self._info = info
        self._load_seconds = seconds  # last: `collect` reads the others only once this is set

    def collect(self) -> Iterator[Metric]:
        """Yield all metric families."""
        requests = {(protocol, str(code)): count for (protocol, code), count in self._requests.items()}
        yield _counter("requests", "Requests answered.", requests, "protocol", "code")
        seconds = HistogramMetricFamily(
            "epochal_server_request_seconds", "Seconds from a request's headers to its answer.", labels=["protocol"]
        )
        for protocol, histogram in sorted(self._seconds.items()):
            histogram.add_to(seconds, [protocol])
        yield seconds
        for name, of, sizes in (("request", "requests", self._received), ("response", "responses", self._sent)):
            by_protocol = {(protocol,): size for protocol, size in sizes.items()}
            yield _counter(f"{name}_bytes", f"Bytes of the bodies of {of}.", by_protocol, "protocol")
        batches = HistogramMetricFamily("epochal_server_batch_size", "Samples in one call of the model.", labels=[])
        self._batches.add_to(batches, [])
        yield batches
        yield GaugeMetricFamily(
            "epochal_server_queue_requests", "Requests that wait for their answer.", value=self._waiting()
        )
        yield _counter("not_finite", "Samples with NaN or infinity in their answer.", {(): self._not_finite})
        if self._load_seconds is None:
            return
        yield GaugeMetricFamily(
            "epochal_server_model_load_seconds",
            "Seconds to download, load, check and warm up the model.",
            value=self._load_seconds,
        )
        info = GaugeMetricFamily("epochal_server_info", "The model that is served.", labels=list(self._info))
        info.add_metric(list(self._info.values()), 1)
        yield info
        if self._classes:
            by_class = {(name,): int(count) for name, count in zip(self._classes, self._predictions, strict=True)}
            yield _counter("predictions", "Samples by predicted class.", by_class, "class", is_sorted=True)


def _counter(
    name: str, text: str, counts: Mapping[Any, int], *labels: str, is_sorted: bool = False
) -> CounterMetricFamily:
    family = CounterMetricFamily(f"epochal_server_{name}", text, labels=labels)
    for values, count in counts.items() if is_sorted else sorted(counts.items()):
        family.add_metric(values, count)
    return family
