"""Reasons of conditions and Events of all kinds: a CamelCase word for machines and a message for people.

Each kind has its own table of reasons, with the effects of each reason.
"""

from enum import StrEnum
from typing import Literal, NamedTuple, NewType, Self, TypeVar

from epochal_api.text import printable

EventType = Literal["Normal", "Warning"]
Fault = Literal["User", "Crash", "Cluster"]
"""Where an error must be fixed: in the user's object, in the user's code that runs, or in the cluster."""

Foreign = NewType("Foreign", str)
"""A reason outside Epochal's tables, from Kubernetes or from another version of Epochal."""

MAX_MESSAGE = 4096
"""Limit in bytes of a message from another source, such as the end of a log or another component's error."""


class Effect(NamedTuple):
    """The effects of a reason.

    Args:
        event: Type of the Event for this reason; None for no Event.
        ready: Whether an object with this reason is Ready, so that it only has to wait.
        fault: The usual origin of the error, which alerts use; None if there is no error.
        on_arrival: Whether the Event is emitted when the condition Ready takes this reason. If False, the code that
            detects the cause emits the Event.
        stalls: Whether the object needs a user's action to continue. Other reasons end by themselves or by changes that
            may be on their way.
        requeue_after: Seconds until the next reconcile if no watch reports the end of the cause; None if a watch does.
        pod_runs: Whether Ready has this reason while a pod runs, with the pod's name in its message.
    """

    event: EventType | None = "Warning"
    ready: bool = False
    fault: Fault | None = "User"
    on_arrival: bool = True
    stalls: bool = False
    requeue_after: float | None = None
    pod_runs: bool = False


FOREIGN = Effect(fault="Cluster")
"""Effects of a reason outside Epochal's tables: a Warning Event and the fault of the cluster."""


class OwnReason(StrEnum):
    """Base class for tables of Epochal's own reasons, each with its effects."""

    effect: Effect

    def __new__(cls, word: str, effect: Effect = Effect()) -> Self:  # noqa: B008 - immutable
        """Return the member with this value and its effects."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.effect = effect
        return member


AnyReason = TypeVar("AnyReason", bound=OwnReason)


def reason_of(table: type[AnyReason], word: str) -> AnyReason | Foreign:
    """Return the member of a table for a word from any source, or the word as a foreign reason."""
    try:
        return table(word)
    except ValueError:
        return Foreign(word)


def effect_of(reason: OwnReason | Foreign) -> Effect:
    """Return the effects of a reason."""
    return reason.effect if isinstance(reason, OwnReason) else FOREIGN


class StatusCause(NamedTuple):
    """The reason and message of a status.

    https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/
    """

    reason: OwnReason | Foreign
    message: str


def clean(text: str) -> str:
    """Return a text from another source without terminal control characters, cut to its last MAX_MESSAGE bytes."""
    return printable(text, instead=" ").strip().encode()[-MAX_MESSAGE:].decode(errors="ignore")
