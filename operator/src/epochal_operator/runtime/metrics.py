"""Metrics: what the operator's own process counts and measures, and the series of the objects of each kind."""

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

from epochal_operator.runtime.conditions import FINISHED
from epochal_operator.runtime.resource import Object

OTHER = "Other"
"""Stands for all reasons that are not Epochal's."""
MAX_LABEL_VALUE = 63
"""Characters: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set."""

_SHOWN: Mapping[str, Sequence[str]] = {"Ready": ("True", "False", "Unknown"), FINISHED: ()}
"""Statuses of conditions that are worth a series; of all others, that they are True. Finished is Complete or Failed."""
_NO_NAME = re.compile("[^a-zA-Z0-9_]")
_WORK_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


def label_name(label: str) -> str:
    """Returns what an object's label is called in Prometheus, as kube-state-metrics calls it: label_ comes first."""
    return "label_" + _NO_NAME.sub("_", label)


def conditions(status: Object) -> dict[str, Object]:
    """Returns the conditions of a status by their types."""
    entries = status.get("conditions")
    found = [entry for entry in (entries if isinstance(entries, list) else []) if isinstance(entry, Mapping)]
    return {str(entry.get("type")): entry for entry in found}


def shown(found: Object, kinds: Iterable[str], statuses: Mapping[str, Sequence[str]] = {}) -> Iterator[tuple[str, str]]:
    """Yields the conditions that are worth a series, with their statuses.

    Args:
        found: Conditions by their types.
        kinds: The types that there may be.
        statuses: Statuses that are worth one, of conditions of which it is not that they are True.
    """
    worth = {**_SHOWN, **statuses}
    for kind in kinds:
        value = part(found, kind).get("status")
        if value in worth.get(kind, ("True",)):
            yield kind, str(value)


def series_key(metadata: Object, labels: Iterable[str]) -> list[str]:
    """Returns the values of the labels that all series of an object have.

    Args:
        metadata: Its metadata.
        labels: Labels of objects that their series have, beside namespace and name.
    """
    theirs = part(metadata, "labels")
    key = [str(metadata.get("namespace", "")), str(metadata.get("name", ""))]
    return key + [str(theirs.get(label, ""))[:MAX_LABEL_VALUE] for label in labels]


def add(family: GaugeMetricFamily, labels: list[str], value: float | None) -> None:
    """Adds a sample, if there is a value."""
    if value is not None:
        family.add_metric(labels, value)


def part(node: Object, name: str) -> Object:
    """Returns a part of an object; empty where there is none, or where another version wrote something else there."""
    found = node.get(name)
    return found if isinstance(found, Mapping) else {}


def number(value: Any) -> float | None:
    """Returns a value as a number, or None if it is none."""
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def time(value: Any) -> float | None:
    """Returns a time as seconds since 1970, or None if it is none."""
    try:
        return datetime.fromisoformat(value).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


class ObjectCollector(Collector):
    """The series of all objects of a kind, made at each scrape.

    Nothing is counted up for an object, so a restart loses nothing and a series goes with its object.

    Args:
        collect: Returns the series of some objects.
        objects: Returns the objects as JSON: all of them in the leader, none in a standby. It is called from another
            thread, so what it returns must not change.
    """

    def __init__(
        self, collect: Callable[[Iterable[Object]], Iterator[Metric]], objects: Callable[[], Iterable[Object]]
    ) -> None:
        self._collect = collect
        self._objects = objects

    def collect(self) -> Iterator[Metric]:
        """Yields the metric families that have a value for any object."""
        return self._collect(self._objects())


class OperatorMetrics:
    """What the operator's own process counts and measures, beside Python's and the process' own figures.

    Args:
        registry: Where the series are registered.

    Attributes:
        queue_wait: Seconds from an event to the start of the reconcile that it led to.
        reconcile_duration: Seconds of each reconcile.
        reconcile: Reconciles by `result`.
        workqueue_depth: Objects that wait for a reconcile.
        leader: 1 in the process that reconciles, 0 in a standby.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        # Else each counter has a gauge beside it that says no more than when the process started.
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
