"""Formats the history of an object for `epochal events`: its Events and conditions, newest first."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from epochal.views.table import age, parse_time

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
HEADER = ("AGE", "TYPE", "REASON", "MESSAGE")


class Entry(NamedTuple):
    """An Event, or the last change of a condition.

    Args:
        time: Time of the Event's last occurrence, or of the condition's last transition.
        type: Normal or Warning for an Event; TYPE=STATUS for a condition, such as Ready=False.
        reason: The reason in one word.
        message: The message for users.
        times: Number of occurrences of the Event; 1 for a condition.
    """

    time: datetime
    type: str
    reason: str
    message: str
    times: int = 1

    def row(self, now: datetime) -> tuple[str, str, str, str]:
        """Return the entry as a row of a table with the columns of HEADER."""
        repeated = f" ({self.times} times)" if self.times > 1 else ""
        return age(self.time.isoformat(), now), self.type, self.reason, f"{self.message}{repeated}"


def entries(found: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> list[Entry]:
    """Return the Events and conditions of an object, newest first.

    Conditions are included, because the cluster deletes Events after an hour. A condition is omitted if an Event has
    the same reason and message.

    Args:
        found: The object.
        events: Events (events.k8s.io/v1) of objects with this name. Those with the UID of another object are omitted.
    """
    uid = found["metadata"].get("uid")
    past = [_event(event) for event in events if (event.get("regarding") or {}).get("uid") in {None, "", uid}]
    known = {(entry.reason, entry.message) for entry in past}
    conditions = (found.get("status") or {}).get("conditions") or []
    past += [
        entry
        for condition in conditions
        if (entry := _condition(condition)) and (entry.reason, entry.message) not in known
    ]
    return sorted(past, key=lambda entry: entry.time, reverse=True)


def _event(event: Mapping[str, Any]) -> Entry:
    series = event.get("series") or {}
    times = (
        series.get("lastObservedTime"),
        event.get("deprecatedLastTimestamp"),
        event.get("eventTime"),
        (event.get("metadata") or {}).get("creationTimestamp"),
    )
    time = next((moment for moment in map(parse_time, times) if moment), _LONG_AGO)
    count = series.get("count") or event.get("deprecatedCount") or 1
    return Entry(time, _text(event, "type"), _text(event, "reason"), _text(event, "note"), int(count))


def _condition(condition: Mapping[str, Any]) -> Entry:
    time = parse_time(condition.get("lastTransitionTime")) or _LONG_AGO
    type_ = f"{_text(condition, 'type')}={_text(condition, 'status')}"
    return Entry(time, type_, _text(condition, "reason"), _text(condition, "message"))


def _text(found: Mapping[str, Any], name: str) -> str:
    return str(found.get(name) or "")
