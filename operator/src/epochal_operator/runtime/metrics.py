"""Prometheus metrics of the operator's process, and helpers for the metrics of each kind."""

import logging
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
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
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from epochal_operator.runtime.api.resource import Object, part
from epochal_operator.runtime.conditions import FINISHED
from epochal_operator.runtime.reasons import EpochalReason, effect_of, reason_of

OTHER = "Other"
"""Label value for all reasons that are not in Epochal's own tables."""
MAX_LABEL_VALUE = 63
"""Maximum characters of a label's value in Kubernetes:
https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set."""

_log = logging.getLogger(__name__)

_EXPORTED: Mapping[str, Sequence[str]] = {"Ready": ("True", "False", "Unknown"), FINISHED: ()}
"""Condition statuses that become a series, by default only True. Finished has none: it repeats Complete or Failed."""
_INVALID_CHARACTERS = re.compile("[^a-zA-Z0-9_]")
_WORK_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


def label_name(label: str) -> str:
    """Return the Prometheus name of an object's label, with the prefix `label_` as in kube-state-metrics."""
    return "label_" + _INVALID_CHARACTERS.sub("_", label)


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


@dataclass(frozen=True)
class KindMetrics:
    """The metrics of the objects of a kind.

    An object has a series for its current state, conditions and reason, and no series with value 0 for the others.

    Args:
        kind: Name of the kind.
        states: The values of `status.state` that become a series.
        conditions: The types of the conditions that become a series.
        reasons: The kind's table of reasons. All other reasons have the label value OTHER, which limits the number of
            series.
        values: For each series: its name, its description, and the function that returns its value for an object.
        labelled: For each set of series with a label of its own: name, description, name of the label, and the function
            that returns pairs of the label's value and the series' value for an object.
        statuses: By condition type: the statuses of the condition that become a series, instead of the default True.
        reason_condition: The type of the condition whose reason becomes a series.
        info: Returns the labels of an object's info series besides uid and those of all series.
        fault: Returns the fault (User, Crash or Cluster) of a reason for an object. Default: the fault of its Effect.
    """

    kind: str
    states: Container[str]
    conditions: Iterable[str]
    reasons: type[EpochalReason]
    values: Sequence[tuple[str, str, Callable[[Object], float | None]]]
    labelled: Sequence[tuple[str, str, str, Callable[[Object], Iterable[tuple[str, float | None]]]]] = ()
    statuses: Mapping[str, Sequence[str]] = field(default_factory=dict)
    reason_condition: str = "Ready"
    info: Callable[[Object], dict[str, str]] = lambda _: {}
    fault: Callable[[str, Object], str | None] | None = None

    def collect(self, objects: Iterable[Object], labels: Sequence[str] = ()) -> Iterator[Metric]:
        """Yield the metric families with a sample for at least one object.

        Args:
            objects: The objects.
            labels: Keys of the objects' labels that become metric labels of each sample.
        """
        prefix, names = f"epochal_{self.kind.lower()}", ("namespace", "name", *map(label_name, labels))
        info = InfoMetricFamily(prefix, f"Information about the {self.kind}.", labels=names)
        reason = f"The reason of the {self.kind}'s condition {self.reason_condition}, and the origin of the error."
        described: list[tuple[str, str, tuple[str, ...]]] = [
            ("state", f"The state of the {self.kind}.", ("state",)),
            ("condition", f"A condition of the {self.kind}.", ("condition", "status")),
            ("reason", reason, ("reason", "fault")),
            *((name, text, (label,)) for name, text, label, _ in self.labelled),
            *((name, text, ()) for name, text, _ in self.values),
        ]
        gauges = {
            name: GaugeMetricFamily(f"{prefix}_{name}", text, labels=[*names, *more]) for name, text, more in described
        }
        for obj in objects:
            metadata = part(obj, "metadata")
            key = [str(metadata.get("namespace", "")), str(metadata.get("name", ""))]
            key += [str(part(metadata, "labels").get(label, ""))[:MAX_LABEL_VALUE] for label in labels]
            try:
                info.add_metric(key, {"uid": str(metadata.get("uid", ""))} | self.info(obj))
                for name, more, value in self._samples(obj):
                    if value is not None:
                        gauges[name].add_metric([*key, *more], value)
            except Exception:  # noqa: BLE001 - an invalid object must not remove the series of the others
                _log.exception("cannot compute the metrics of a %s: %s", self.kind, metadata)
        yield from (family for family in (info, *gauges.values()) if family.samples)

    def _samples(self, obj: Object) -> Iterator[tuple[str, tuple[str, ...], float | None]]:
        """Yield the series of an object: name, values of the labels that only this series has, and value.

        A series with the value None gets no sample.
        """
        status = part(obj, "status")
        if status.get("state") in self.states:
            yield "state", (status["state"],), 1
        entries = status.get("conditions")
        entries = [entry for entry in (entries if isinstance(entries, list) else []) if isinstance(entry, Mapping)]
        conditions: dict[str, Object] = {str(entry.get("type")): entry for entry in entries}
        for kind in self.conditions:
            value = part(conditions, kind).get("status")
            if value in {**_EXPORTED, **self.statuses}.get(kind, ("True",)):
                yield "condition", (kind, str(value)), 1
        if word := part(conditions, self.reason_condition).get("reason"):
            reason = reason_of(self.reasons, str(word))
            fault = self.fault(str(word), obj) if self.fault else effect_of(reason).fault
            yield "reason", (reason if isinstance(reason, EpochalReason) else OTHER, fault or ""), 1
        for name, _, read in self.values:
            yield name, (), read(obj)
        for name, _, _, read_all in self.labelled:
            for label, number in read_all(obj):
                yield name, (label,), number


def status_number(*names: str) -> Callable[[Object], float | None]:
    """Return a function that returns the number in an object's status at this path of field names, or None."""
    *outer, last = names
    return lambda obj: number(reduce(part, outer, part(obj, "status")).get(last))


def status_time(name: str) -> Callable[[Object], float | None]:
    """Return a function that returns the time in this field of an object's status as seconds since 1970, or None."""
    return lambda obj: time(part(obj, "status").get(name))


def created_time(obj: Object) -> float | None:
    """Return the creation time of an object as seconds since 1970, or None."""
    return time(part(obj, "metadata").get("creationTimestamp"))


class ObjectCollector(Collector):
    """The metrics of all objects of a kind, computed at each scrape.

    They contain no counters, so a restart loses no data, and a series ends with its object.

    Args:
        collect: Returns the metrics of given objects.
        objects: Returns the objects as JSON: all objects of the kind in the leader, none in a standby. It is called
            from another thread, so the returned objects must not change.
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

    Attributes:
        queue_wait: Seconds from the enqueueing of an object to the start of its reconcile, without a requested delay.
        reconcile_duration: Duration of a reconcile in seconds.
        reconcile: Number of reconciles by `result`: success or error.
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
        self.leader = Gauge(
            "epochal_leader", "1 if this process is the leader and reconciles, else 0.", registry=registry
        )
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
