"""What an Experiment never does, whatever breaks: forget what it has observed, or fall behind what it has told."""

from collections.abc import Iterator

from epochal_operator.experiment.ledger.encoding import decode

from tests.kit.kubectl import Object


def forgotten(before: Object, after: Object) -> Iterator[str]:
    """Yields what an Experiment has lost from one of its versions to the next.

    Args:
        before: A version.
        after: A later one. A trial is worth its best epoch so far, so that the best never becomes worse.
    """
    old, new = before.get("status") or {}, after.get("status") or {}
    had, has = ((status.get("trials") or {}).get("created", 0) for status in (old, new))
    if has < had:
        yield f"trials.created went from {had} to {has}"
    was, now = (_worth(status, after["spec"]["objective"]["goal"]) for status in (old, new))
    if now < was:
        yield f"best went from {old['best']['value']} to {(new.get('best') or {}).get('value')}"


def forgotten_events(before: Object, after: Object) -> Iterator[str]:
    """Yields how an ExperimentLedger has lost events from one of its versions to the next.

    Args:
        before: A version.
        after: A later one.
    """
    known, knows = decode(before["data"]), decode(after["data"])
    if knows[: len(known)] != known:
        kept = sum(one == other for one, other in zip(known, knows, strict=False))
        yield f"its ledger had {len(known)} events, of which {kept} are where they were"


def _worth(status: Object, goal: str) -> float:
    """Returns what the best trial is worth; the more, the better."""
    best = status.get("best")
    if not best:
        return float("-inf")
    value = float(best["value"])
    return value if goal == "Maximize" else -value
