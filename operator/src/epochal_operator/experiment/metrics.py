"""Prometheus metrics of every Experiment, computed from the objects."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from epochal_api.experiment_status import EXPERIMENT_CONDITIONS, EXPERIMENT_STATES
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric

from epochal_operator.experiment.reasons import Reason, effect
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

TRIAL_STATES = ("queued", "running", "paused", "complete", "failed", "diverged")
_PREFIX = "epochal_experiment"
_EXPERIMENT = ("namespace", "name")
_REASONS = frozenset(Reason)


def collect(experiments: Iterable[Object], labels: Sequence[str] = ()) -> Iterator[Metric]:
    """Yield the metric families that have a value for at least one Experiment.

    An Experiment has a series for its current state, conditions and reason, and no series with value 0 for the others.

    Args:
        experiments: The Experiments as JSON.
        labels: Labels of Experiments that become labels of all their series.
    """
    names = (*_EXPERIMENT, *map(label_name, labels))
    gauge = partial(_gauge, names)
    info = InfoMetricFamily(_PREFIX, "An Experiment.", labels=names)
    state = gauge("state", "The state of the Experiment.", "state")
    condition = gauge("condition", "A condition of the Experiment that tells something.", "condition", "status")
    reason = gauge("reason", "Why the Experiment is where it is, and whose fault that is.", "reason", "fault")
    trials = gauge("trials", "Trials of the Experiment.", "state")
    best = gauge("best_value", "The best value so far of the metric that trials are judged by.", "metric")
    values = [(gauge(name, text), read) for name, text, read in _VALUES]

    def add_one(experiment: Object) -> None:
        status, metadata = part(experiment, "status"), part(experiment, "metadata")
        key = series_key(metadata, labels)
        info.add_metric(key, {"uid": str(metadata.get("uid", ""))})
        if status.get("state") in EXPERIMENT_STATES:
            state.add_metric([*key, status["state"]], 1)
        found = conditions(status)
        for kind, value in shown(found, EXPERIMENT_CONDITIONS):
            condition.add_metric([*key, kind, value], 1)
        if why := part(found, "Ready").get("reason"):
            word = str(why)
            reason.add_metric([*key, word if word in _REASONS else OTHER, effect(word).fault or ""], 1)
        for name, count in _trials(status):
            add(trials, [*key, name], count)
        if winner := part(status, "best"):
            metric = str(part(status, "display").get("best", "")).partition(" ")[0]
            add(best, [*key, metric], number(winner.get("value")))
        for family, read in values:
            add(family, key, read(experiment))

    for experiment in experiments:
        try:
            add_one(experiment)
        except Exception:  # noqa: BLE001 - whatever is wrong with one of them, the others have their series
            _log.exception("an Experiment has no series: %s", experiment.get("metadata"))

    families: list[Metric] = [info, state, condition, reason, trials, best, *(family for family, _ in values)]
    yield from (family for family in families if family.samples)


def _gauge(labels: Sequence[str], name: str, text: str, *more: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{_PREFIX}_{name}", text, labels=[*labels, *more])


def _trials(status: Object) -> Iterator[tuple[str, float | None]]:
    """Yield the number of trials in each state."""
    for name in TRIAL_STATES if "trials" in status else ():
        yield name, number(part(status, "trials").get(name, 0))


def _epochs(name: str) -> Callable[[Object], float | None]:
    return lambda experiment: number(part(part(experiment, "status"), "epochs").get(name))


def _status_time(name: str) -> Callable[[Object], float | None]:
    return lambda experiment: time(part(experiment, "status").get(name))


def _created(experiment: Object) -> Any:
    return time(part(experiment, "metadata").get("creationTimestamp"))


_VALUES: tuple[tuple[str, str, Callable[[Object], float | None]], ...] = (
    ("epochs_trained", "Epochs that its trials have trained.", _epochs("trained")),
    ("epochs_saved", "Epochs that nobody trained, since trials were stopped early.", _epochs("saved")),
    ("epochs_repeated", "Epochs that may have been trained twice.", _epochs("repeated")),
    ("created_time_seconds", "When the Experiment was created.", _created),
    ("start_time_seconds", "When the Experiment started.", _status_time("startTime")),
    ("completion_time_seconds", "When the Experiment completed or failed.", _status_time("completionTime")),
)
