"""Maps metric names of earlier versions, which named a short metric such as mae by its class, to current names.

Specs and checkpoints of those versions use the old names. These are accepted as the current names.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any

from epochal_api.network import Callback
from epochal_api.training import Training

from epochal_trainer.model.compile import metric_names

log = logging.getLogger(__name__)

_FIELD = re.compile(r"(?<=\{)\w+(?=[:}])")
"""The name of a metric in the path of a ModelCheckpoint."""


def former_names(training: Training) -> dict[str, str]:
    """Return the current metric names by their former names, without former names that another metric has now.

    Args:
        training: How the network is trained; its metrics are valid.
    """
    pairs = metric_names(training)
    now = {name for name, _ in pairs}
    found = {before: name for name, before in pairs if before not in now}
    return found | {f"val_{before}": f"val_{name}" for before, name in found.items()}


def renamed(training: Training, former: Mapping[str, str]) -> Training:
    """Return a training with current metric names in its monitor and callbacks, and log each replaced name.

    Args:
        training: How the network is trained.
        former: Current names by former names.
    """
    for name in sorted(set(_named(training)) & former.keys()):
        log.info("spec.training: %s is called %s now, and taken as that.", name, former[name])
    monitor = training.monitor
    if monitor is not None:
        monitor = monitor.model_copy(update={"metric": former.get(monitor.metric, monitor.metric)})
    callbacks = [callback.model_copy(update=_changed(callback, former)) for callback in training.callbacks]
    return training.model_copy(update={"monitor": monitor, "callbacks": callbacks})


def _named(training: Training) -> Iterator[str]:
    """Yield the metric names in the monitor and the callbacks of a training."""
    if training.monitor is not None:
        yield training.monitor.metric
    for callback in training.callbacks:
        yield str(callback.arguments.get("monitor"))
        yield from _FIELD.findall(_path(callback))


def _changed(callback: Callback, former: Mapping[str, str]) -> dict[str, Any]:
    """Return the arguments of a callback that contain former metric names, with the current names instead."""
    changed: dict[str, Any] = {}
    monitor, path = callback.arguments.get("monitor"), _path(callback)
    if isinstance(monitor, str) and monitor in former:
        changed["monitor"] = former[monitor]
    if (filled := _FIELD.sub(lambda found: former.get(found[0], found[0]), path)) != path:
        changed["filepath"] = filled
    return changed


def _path(callback: Callback) -> str:
    path = callback.arguments.get("filepath")
    return path if callback.callback == "ModelCheckpoint" and isinstance(path, str) else ""
