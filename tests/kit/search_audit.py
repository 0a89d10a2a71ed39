"""Checks that an Experiment never forgets an observation, and that its status never runs backwards."""

from collections.abc import Iterator

from epochal_operator.experiment.ledger.encoding import decode

from tests.kit.kubectl import Object


def forgotten(before: Object, after: Object) -> Iterator[str]:
    """Yields the facts that an Experiment lost from one version to a later one. The best value never becomes worse."""
    old, new = before.get("status") or {}, after.get("status") or {}
    had, has = ((status.get("trials") or {}).get("created", 0) for status in (old, new))
    if has < had:
        yield f"trials.created went from {had} to {has}"
    was, now = (_worth(status, after["spec"]["objective"]["goal"]) for status in (old, new))
    if now < was:
        yield f"best went from {old['best']['value']} to {(new.get('best') or {}).get('value')}"


def forgotten_events(before: Object, after: Object) -> Iterator[str]:
    """Yields the events that an ExperimentLedger lost from one version to a later one."""
    known, knows = decode(before["data"]), decode(after["data"])
    if knows[: len(known)] != known:
        kept = sum(one == other for one, other in zip(known, knows, strict=False))
        yield f"its ledger had {len(known)} events, of which {kept} are where they were"


def _worth(status: Object, goal: str) -> float:
    """Returns the value of the best trial; the greater, the better."""
    best = status.get("best")
    if not best:
        return float("-inf")
    value = float(best["value"])
    return value if goal == "Maximize" else -value
