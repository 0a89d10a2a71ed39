"""Prometheus metrics of the operator's process, and helpers for the metrics of each kind."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Metric,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.conditions import FINISHED

OTHER = "Other"
"""Label value for all reasons that are not Epochal's own."""
MAX_LABEL_VALUE = 63
"""Characters: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set."""

_SHOWN: Mapping[str, Sequence[str]] = {"Ready": ("True", "False", "Unknown"), FINISHED: ()}
"""Condition statuses that become a series, by default only True. Finished has none: it repeats Complete or Failed."""
_NO_NAME = re.compile("[^a-zA-Z0-9_]")
_WORK_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


def label_name(label: str) -> str:
    """Return the Prometheus name of an object's label, with the prefix `label_` as in kube-state-metrics."""
    return "label_" + _NO_NAME.sub("_", label)


def conditions(status: Object) -> dict[str, Object]:
    """Return the conditions of a status by type."""
    entries = status.get("conditions")
    found = [entry for entry in (entries if isinstance(entries, list) else []) if isinstance(entry, Mapping)]
    return {str(entry.get("type")): entry for entry in found}


def shown(found: Object, kinds: Iterable[str], statuses: Mapping[str, Sequence[str]] = {}) -> Iterator[tuple[str, str]]:
    """Yield the types and statuses of the conditions that become a series.

    Args:
        found: Conditions by type.
        kinds: The possible types.
        statuses: Statuses that become a series, by condition type, for types whose default (True) is not enough.
    """
    worth = {**_SHOWN, **statuses}
    for kind in kinds:
        value = part(found, kind).get("status")
        if value in worth.get(kind, ("True",)):
            yield kind, str(value)


def series_key(metadata: Object, labels: Iterable[str]) -> list[str]:
    """Return the values of the labels that all series of an object share.

    Args:
        metadata: Metadata of the object.
        labels: Object labels that become labels of the series, in addition to namespace and name.
    """
    theirs = part(metadata, "labels")
    key = [str(metadata.get("namespace", "")), str(metadata.get("name", ""))]
    return key + [str(theirs.get(label, ""))[:MAX_LABEL_VALUE] for label in labels]


def add(family: GaugeMetricFamily, labels: list[str], value: float | None) -> None:
    """Add a sample to a metric family, unless the value is None."""
    if value is not None:
        family.add_metric(labels, value)


def part(node: Object, name: str) -> Object:
    """Return a field of an object as a mapping; empty if the field is missing or has another type."""
    found = node.get(name)
    return found if isinstance(found, Mapping) else {}


def number(value: Any) -> float | None:
    """Return a value as a number, or None if it is not a number."""
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def time(value: Any) -> float | None:
    """Return an ISO 8601 time as seconds since 1970, or None if it is not a time."""
    try:
        return datetime.fromisoformat(value).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


class ObjectCollector(Collector):
    """The metrics of all objects of a kind, computed at each scrape.

    They contain no counters, so a restart loses no data, and a series ends with its object.

    Args:
        collect: Returns the metrics of some objects.
        objects: Returns the objects as JSON: all of them in the leader, none in a standby. It is called from another
            thread, so its result must not change.
    """

    def __init__(
        self, collect: Callable[[Iterable[Object]], Iterator[Metric]], objects: Callable[[], Iterable[Object]]
    ) -> None:
        self._collect = collect
        self._objects = objects

    def collect(self) -> Iterator[Metric]:
        """Yield the metric families that have a sample for at least one object."""
        return self._collect(self._objects())


class OperatorMetrics:
    """Metrics of the operator's process, in addition to the standard Python and process metrics.

    Args:
        registry: Registry of the metrics.

    Attributes:
        queue_wait: Seconds from the enqueueing of an object to the start of its reconcile.
        reconcile_duration: Seconds of a reconcile.
        reconcile: Number of reconciles by `result`.
        workqueue_depth: Objects that wait for a reconcile.
        leader: 1 in the leader, 0 in a standby.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        # Each counter would otherwise have a `_created` gauge that only repeats the start time of the process.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.queue_wait = Histogram(
            "epochal_queue_wait_seconds",
            "Seconds that an object waited for its reconcile.",
            buckets=_WORK_BUCKETS,
            registry=registry,
        )
        self.reconcile_duration = Histogram(
            "epochal_reconcile_duration_seconds",
            "Seconds that a reconcile took.",
            buckets=_WORK_BUCKETS,
            registry=registry,
        )
        self.reconcile = Counter("epochal_reconcile", "Reconciles by their result.", ["result"], registry=registry)
        self.workqueue_depth = Gauge("epochal_workqueue_depth", "Objects that wait for a reconcile.", registry=registry)
        self.leader = Gauge("epochal_leader", "Whether this process reconciles.", registry=registry)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
