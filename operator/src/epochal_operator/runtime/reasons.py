"""Reasons of conditions and Events of all kinds: a CamelCase word for machines and a message for people.

Each kind has its own table of reasons, with the effects of each reason.
"""

from enum import StrEnum
from typing import Literal, NamedTuple, NewType, Self, TypeVar

from epochal_api.text import printable

EventType = Literal["Normal", "Warning"]
Fault = Literal["User", "Crash", "Cluster"]
"""Where an error must be fixed: in the user's object (User), the user's code (Crash), or the cluster (Cluster)."""

ExternalReason = NewType("ExternalReason", str)
"""A reason outside Epochal's tables, from Kubernetes or from another version of Epochal."""

MAX_EXTERNAL_MESSAGE_BYTES = 4096
"""Maximum bytes of a message from another component, such as the end of a log or an error of the API server: its last
bytes."""


class Effect(NamedTuple):
    """The effects of a reason.

    Args:
        event: Type of the Event for this reason; None for no Event.
        ready: Whether the condition Ready (of a ModelServer: Progressing) is True with this reason. True means that no
            user has to act, although the object may wait. It does not mean that a pod runs.
        fault: Where the error must usually be fixed, a label for alerts; None if there is no error.
        event_on_ready_change: Whether the Event is emitted when the condition Ready takes this reason. If False, the
            code that detects the cause emits the Event.
        needs_user_action: Whether the object continues only after a user's action. Other reasons may end without one.
        requeue_after: Seconds until the next reconcile if no watch reports the end of the cause; None if a watch
            reports it.
        pod_runs: Whether Ready has this reason while a pod runs, with the pod's name in its message.
    """

    event: EventType | None = "Warning"
    ready: bool = False
    fault: Fault | None = "User"
    event_on_ready_change: bool = True
    needs_user_action: bool = False
    requeue_after: float | None = None
    pod_runs: bool = False


EXTERNAL_EFFECT = Effect(fault="Cluster")
"""Effects of a reason outside Epochal's tables: a Warning Event, and the fault Cluster."""


class EpochalReason(StrEnum):
    """Base class for tables of Epochal's own reasons, each with its effects.

    A member without an Effect has the defaults: a Warning Event, and an error that the user must fix.
    """

    effect: Effect

    def __new__(cls, word: str, effect: Effect = Effect()) -> Self:  # noqa: B008 - immutable
        """Return the member with this value and its effects."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.effect = effect
        return member


AnyReason = TypeVar("AnyReason", bound=EpochalReason)


def reason_of(table: type[AnyReason], word: str) -> AnyReason | ExternalReason:
    """Return the member of a table with this value, or the word as an ExternalReason if the table lacks it."""
    try:
        return table(word)
    except ValueError:
        return ExternalReason(word)


def effect_of(reason: EpochalReason | ExternalReason) -> Effect:
    """Return the effects of a reason; EXTERNAL_EFFECT for a reason outside Epochal's tables."""
    return reason.effect if isinstance(reason, EpochalReason) else EXTERNAL_EFFECT


class StatusCause(NamedTuple):
    """A cause that a status reports: the reason and the message of a condition.

    Named as in https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/.
    """

    reason: EpochalReason | ExternalReason
    message: str


def sanitize_message(text: str) -> str:
    """Return the last MAX_EXTERNAL_MESSAGE_BYTES of another component's text, without terminal control characters."""
    return printable(text, instead=" ").strip().encode()[-MAX_EXTERNAL_MESSAGE_BYTES:].decode(errors="ignore")
