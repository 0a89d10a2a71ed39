"""The state of a browser's connection to the API server, from the states of its watches."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from epochal_studio.wire import ConnectionState, Problem, RunKind


class Phase(Enum):
    """The phase of a watch."""

    LISTING = "listing"
    """No list has arrived yet."""
    LIVE = "live"
    LOST = "lost"
    """The API server does not answer, and Studio tries again."""
    DENIED = "denied"
    """The user may not watch this kind, or the cluster does not have it."""
    EXPIRED = "expired"
    """The API server does not accept the token."""


@dataclass(frozen=True)
class WatchStatus:
    """The status of a watch.

    Args:
        kind: The kind of its objects.
        phase: Its phase.
        is_listed: Whether its rows are complete, or there is no right to them.
        problem: Why it is not live, or shows too few rows.
    """

    kind: RunKind
    phase: Phase = Phase.LISTING
    is_listed: bool = False
    problem: Problem | None = None


def connection_state(watches: Sequence[WatchStatus]) -> ConnectionState:
    """Return the state that a page shows."""
    lost = [watch for watch in watches if watch.phase in {Phase.LOST, Phase.EXPIRED}]
    problems = [watch.problem for watch in (*lost, *watches) if watch.problem is not None]
    return ConnectionState(
        is_connected=not lost,
        kinds=[watch.kind for watch in watches if watch.phase not in {Phase.DENIED, Phase.EXPIRED}],
        problem=problems[0] if problems else None,
    )
