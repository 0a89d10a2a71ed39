"""Filters objects by state and sorts them by a metric, for `epochal list`."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from epochal_api.metric_direction import is_rising
from epochal_api.suggestions import did_you_mean
from epochal_api.text import printable

from epochal.client.kinds import EXPERIMENTS, MODEL_SERVERS, TRAINING_JOBS, Kind
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode

Object = Mapping[str, Any]


def checked_states(kinds: Iterable[Kind], states: Sequence[str]) -> set[str]:
    """Return the states in the spelling of the status. `states` may have any case of letters.

    Raises:
        EpochalError: If no kind has such a state.
    """
    if not states:
        return set()
    # The models of three statuses take longer than a list without states.
    from epochal_api.experiment.status import EXPERIMENT_STATES  # noqa: PLC0415
    from epochal_api.modelserver.status import SERVER_STATES  # noqa: PLC0415
    from epochal_api.trainingjob.status import STATES  # noqa: PLC0415

    by_kind: Mapping[Kind, Sequence[str]] = {
        TRAINING_JOBS: STATES,
        EXPERIMENTS: EXPERIMENT_STATES,
        MODEL_SERVERS: SERVER_STATES,
    }
    known = {state.lower(): state for kind in kinds for state in by_kind[kind]}
    for state in states:
        if state.lower() not in known:
            hint = did_you_mean(state, known.values())
            raise EpochalError(
                f"{printable(state[:64])!r} is no state: it must be one of {', '.join(known.values())}"
                f"{f'; {hint}' if hint else '.'}",
                exit_code=ExitCode.USAGE,
            )
    return {known[state.lower()] for state in states}


def in_states(objects: Iterable[Object], states: set[str]) -> list[Object]:
    """Return the objects in one of these states; all objects if `states` is empty."""
    return [each for each in objects if not states or (each.get("status") or {}).get("state") in states]


def sorted_by_metric(objects: Sequence[Object], metric: str, *, reverse: bool = False) -> list[Object]:
    """Sort objects by a metric of their last epoch: the best value first, and objects without a value last.

    Args:
        objects: TrainingJobs.
        metric: The metric, such as val_loss.
        reverse: Whether the best value is last, but still before objects without a value.

    Raises:
        EpochalError: If objects have metrics, but no object has this metric.
    """
    values = [_value(each, metric) for each in objects]
    if all(value is None for value in values):
        names = {name for each in objects for name in (each.get("status") or {}).get("metrics") or {}}
        if names:
            hint = did_you_mean(metric, names)
            listed = ", ".join(sorted(names)[:16])
            raise EpochalError(
                printable(f"no object has the metric {metric[:128]!r}, found {listed}{f'; {hint}' if hint else '.'}"),
                exit_code=ExitCode.USAGE,
            )
    sign = -1 if _is_rising(objects, metric) != reverse else 1
    keys = [(value is None, sign * (value or 0.0)) for value in values]
    return [objects[index] for index in sorted(range(len(objects)), key=keys.__getitem__)]


def _is_rising(objects: Iterable[Object], metric: str) -> bool:
    """Return whether the highest value of a metric is the best, from `status.best.mode` or the name of the metric."""
    for each in objects:
        best = (each.get("status") or {}).get("best") or {}
        if best.get("metric") == metric and best.get("mode"):
            return bool(best["mode"] == "Max")
    return is_rising(metric)


def _value(found: Object, metric: str) -> float | None:
    try:
        value = float(((found.get("status") or {}).get("metrics") or {})[metric])
    except (KeyError, TypeError, ValueError):
        return None
    return None if math.isnan(value) else value
