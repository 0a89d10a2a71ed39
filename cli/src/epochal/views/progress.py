"""Formats the progress of a TrainingJob, Experiment or ModelServer as one line."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from epochal_api.text import printable

from epochal.client.kinds import EXPERIMENTS, MODEL_SERVERS
from epochal.views.table import duration, parse_time

MAX_METRICS = 6
"""Maximum number of metrics in a line. The number of the others follows."""
_WAITING = frozenset({"Queued", "Starting", "Waiting", "Suspended", "Failed", "Stopped", "Degraded", "Updating"})
"""States for which `reason` returns a text."""
_MAX_MESSAGE = 500
DELETED = "Deleted"
FINISHED = ("Complete", "Failed")


def state(found: Mapping[str, Any]) -> str:
    """Return the state from an object's status; "Pending" before the operator has written a state."""
    return str(_status(found).get("state") or "Pending")


def percent(found: Mapping[str, Any]) -> int:
    """Return the progress in percent: the finished steps of a TrainingJob, or the ended trials of an Experiment."""
    if state(found) == "Complete":
        return 100
    status = _status(found)
    if found.get("kind") != EXPERIMENTS.name:
        return _count((status.get("progress") or {}).get("percent"))
    trials = status.get("trials") or {}
    total = _count((found.get("spec") or {}).get("maxTrials"))
    ended = _count(trials.get("complete")) + _count(trials.get("failed"))
    return min(100, 100 * ended // total) if total else 0


def figures(found: Mapping[str, Any]) -> str:
    """Return the main values in an object's status except its state, such as `epoch 3/10  loss 0.0368`."""
    status = _status(found)
    if found.get("kind") == EXPERIMENTS.name:
        return "  ".join(_of_experiment(found, status))
    if found.get("kind") == MODEL_SERVERS.name:
        display = status.get("display") or {}
        return "  ".join(_clean(f"{name} {display[name]}") for name in ("ready", "model") if display.get(name))
    return "  ".join(_of_training_job(status))


def remaining(found: Mapping[str, Any], now: datetime) -> str:
    """Return the time until a training's estimated end, such as 2m13s; "" if it is unknown or the training ended."""
    if state(found) in FINISHED:
        return ""
    end = parse_time((_status(found).get("progress") or {}).get("estimatedCompletionTime"))
    return "" if end is None else duration((end - now).total_seconds())


def reason(found: Mapping[str, Any]) -> str:
    """Return why an object waits or has failed, such as `Unschedulable: 0/3 nodes have a free GPU`; else ""."""
    if state(found) not in _WAITING:
        return ""
    waiting = (_status(found).get("progress") or {}).get("waiting")
    cause = waiting if state(found) == "Waiting" and waiting else ready_condition(found)
    if not cause.get("reason"):
        return ""
    message = _clean(str(cause.get("message") or ""))
    message = message if len(message) <= _MAX_MESSAGE else f"{message[:_MAX_MESSAGE]}…"
    name = _clean(str(cause["reason"]))
    return f"{name}: {message}" if message else name


def ready_condition(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the condition Ready of an object; {} before the operator has written this condition."""
    conditions = _status(found).get("conditions") or []
    return next((each for each in conditions if isinstance(each, Mapping) and each.get("type") == "Ready"), {})


def line(found: Mapping[str, Any], now: datetime) -> str:
    """Return `state`, `figures`, `reason` and `remaining` of an object in one line, without the name of the object."""
    left = remaining(found, now)
    parts = [_clean(state(found)), figures(found), reason(found), f"ETA {left}" if left else ""]
    return "  ".join(part for part in parts if part)


def _of_training_job(status: Mapping[str, Any]) -> list[str]:
    progress = status.get("progress") or {}
    parts = [f"epoch {_count(progress.get('epoch'))}/{_count(progress.get('epochs'))}"] if progress else []
    for prefix, values in (("", status.get("metrics") or {}), ("test ", status.get("test") or {})):
        parts += [_clean(f"{prefix}{name} {value}") for name, value in [*values.items()][:MAX_METRICS]]
        parts += [f"and {len(values) - MAX_METRICS} more"] if len(values) > MAX_METRICS else []
    model = (status.get("results") or {}).get("model")
    return [*parts, *([_clean(f"model {model}")] if model and status.get("state") == "Complete" else [])]


def _of_experiment(found: Mapping[str, Any], status: Mapping[str, Any]) -> list[str]:
    trials = status.get("trials") or {}
    parts = [f"trials {_count(trials.get('created'))}/{_count((found.get('spec') or {}).get('maxTrials'))}"]
    parts += [f"{name} {trials[name]}" for name in ("running", "failed") if _count(trials.get(name))]
    best = status.get("best") or {}
    metric = ((found.get("spec") or {}).get("objective") or {}).get("metric") or "value"
    return [*parts, *([_clean(f"best {metric} {best.get('value')} of {best.get('jobName')}")] if best else [])]


def _status(found: Mapping[str, Any]) -> Mapping[str, Any]:
    status = found.get("status")
    return status if isinstance(status, Mapping) else {}


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0


def _clean(text: str) -> str:
    return " ".join(printable(text, instead=" ").split())
