"""Prometheus metrics of every ModelServer, computed from the objects; its pods export their own metrics."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from epochal_api.modelserver_status import SERVER_CONDITIONS, SERVER_STATES
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric

from epochal_operator.modelserver.reasons import Reason, effect
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.metrics import (
    OTHER,
    add,
    conditions,
    label_name,
    number,
    part,
    series_key,
    shown,
    time,
)

_log = logging.getLogger(__name__)

_PREFIX = "epochal_modelserver"
_SERVER = ("namespace", "name")
_REASONS = frozenset(Reason)
_SHOWN = {"Progressing": ("True", "False", "Unknown")}
"""Statuses of conditions that have a series; for other conditions only True has a series."""


def collect(servers: Iterable[Object], labels: Sequence[str] = ()) -> Iterator[Metric]:
    """Yield the metric families that have a value for at least one ModelServer.

    A ModelServer has a series for its current state, conditions and reason, and no series with value 0 for the others.

    Args:
        servers: The ModelServers as JSON.
        labels: Labels of ModelServers that become labels of all their series.
    """
    names = (*_SERVER, *map(label_name, labels))
    gauge = partial(_gauge, names)
    info = InfoMetricFamily(_PREFIX, "A ModelServer, and the model that its pods are made for.", labels=names)
    state = gauge("state", "The state of the ModelServer.", "state")
    condition = gauge("condition", "A condition of the ModelServer that tells something.", "condition", "status")
    reason = gauge(
        "reason", "Why the ModelServer's rollout is where it is, and whose fault that is.", "reason", "fault"
    )
    values = [(gauge(name, text), read) for name, text, read in _VALUES]

    def add_one(server: Object) -> None:
        status, metadata = part(server, "status"), part(server, "metadata")
        key, model = series_key(metadata, labels), part(status, "model")
        told = {"uid": str(metadata.get("uid", ""))}
        info.add_metric(key, told | {name: str(model.get(name, "")) for name in ("runtime", "sha256")})
        if status.get("state") in SERVER_STATES:
            state.add_metric([*key, status["state"]], 1)
        found = conditions(status)
        for kind, value in shown(found, SERVER_CONDITIONS, _SHOWN):
            condition.add_metric([*key, kind, value], 1)
        if why := part(found, "Progressing").get("reason"):
            word = str(why)
            reason.add_metric([*key, word if word in _REASONS else OTHER, effect(word).fault or ""], 1)
        for family, read in values:
            add(family, key, read(server))

    for server in servers:
        try:
            add_one(server)
        except Exception:  # noqa: BLE001 - whatever is wrong with one of them, the others have their series
            _log.exception("a ModelServer has no series: %s", server.get("metadata"))

    families: list[Metric] = [info, state, condition, reason, *(family for family, _ in values)]
    yield from (family for family in families if family.samples)


def _gauge(labels: Sequence[str], name: str, text: str, *more: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{_PREFIX}_{name}", text, labels=[*labels, *more])


def _count(name: str) -> Callable[[Object], float | None]:
    return lambda server: number(part(server, "status").get(name))


def _created(server: Object) -> float | None:
    return time(part(server, "metadata").get("creationTimestamp"))


def _ready(server: Object) -> float | None:
    return time(part(server, "status").get("readyTime"))


_VALUES: tuple[tuple[str, str, Callable[[Object], float | None]], ...] = (
    ("replicas", "Pods that there are.", _count("replicas")),
    ("ready_replicas", "Pods that are ready to answer.", _count("readyReplicas")),
    ("created_time_seconds", "When the ModelServer was created.", _created),
    ("ready_time_seconds", "When the ModelServer was first ready.", _ready),
)
