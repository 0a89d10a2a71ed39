"""Computes the connection state that a browser shows from the states of its watches."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from epochal_studio.wire.common import Problem, RunKind
from epochal_studio.wire.runs import ConnectionState


class Phase(Enum):
    """The phase of a watch at the API server."""

    LISTING = "listing"
    """The first list has not been read yet."""
    LIVE = "live"
    LOST = "lost"
    """The API server does not answer or the read failed. Studio tries again."""
    DENIED = "denied"
    """The user may not watch this kind, or the cluster does not have it."""
    EXPIRED = "expired"
    """The API server does not accept the token."""


@dataclass(frozen=True)
class WatchStatus:
    """The status of a watch.

    Args:
        kind: Kind of the watched objects.
        phase: Phase of the watch.
        is_listed: Whether the first list has been read, or the user may not read this kind.
        problem: Why the watch is not live, or does not show all objects; None without a problem.
    """

    kind: RunKind
    phase: Phase = Phase.LISTING
    is_listed: bool = False
    problem: Problem | None = None


def connection_state(watches: Sequence[WatchStatus]) -> ConnectionState:
    """Return the connection state for a browser from the status of its watches.

    It is not connected if any watch is LOST or EXPIRED. Its kinds are those that are not DENIED or EXPIRED.
    """
    lost = [watch for watch in watches if watch.phase in {Phase.LOST, Phase.EXPIRED}]
    problems = [watch.problem for watch in (*lost, *watches) if watch.problem is not None]
    return ConnectionState(
        is_connected=not lost,
        kinds=[watch.kind for watch in watches if watch.phase not in {Phase.DENIED, Phase.EXPIRED}],
        problem=problems[0] if problems else None,
    )
