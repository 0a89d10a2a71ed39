"""Why something is as it is, as conditions and Events of any kind say it: a reason for machines, a message for people.

Each kind has a table of its own reasons, which says what follows from each.
"""

from enum import StrEnum
from typing import Literal, NamedTuple, NewType, Self, TypeVar

from epochal_api.text import printable

EventType = Literal["Normal", "Warning"]
Fault = Literal["User", "Crash", "Cluster"]
"""What must be mended where something went wrong: what the user wrote or named, what runs, or the cluster."""

Foreign = NewType("Foreign", str)
"""A reason that is in no table of ours: a word of Kubernetes, or of another version."""

MAX_MESSAGE = 4096
"""Bytes of a message that come from elsewhere: a log's end, another component's error."""


class Effect(NamedTuple):
    """What follows from a reason.

    Args:
        event: Type of the Event that tells of it; None if none does.
        ready: Whether an object is Ready with it: whether nothing but time has to change.
        fault: Whose fault it mostly is, by which alerts go; None if nothing went wrong.
        on_arrival: Whether that Event is told when the condition Ready comes to it. If not, whoever sees it come about
            tells it.
        stalls: Whether it holds an object up until somebody acts. All others go by themselves, or by what may be on its
            way already.
        look_again_seconds: How soon to look again at what nobody tells the end of; None if somebody does.
        pod_runs: Whether Ready has it while a pod runs, and its message names that.
    """

    event: EventType | None = "Warning"
    ready: bool = False
    fault: Fault | None = "User"
    on_arrival: bool = True
    stalls: bool = False
    look_again_seconds: float | None = None
    pod_runs: bool = False


FOREIGN = Effect(fault="Cluster")
"""What follows from a reason that is not Epochal's: no more than that it is told of."""


class OwnReason(StrEnum):
    """A table of reasons that are Epochal's own, each with its effect."""

    effect: Effect

    def __new__(cls, word: str, effect: Effect = Effect()) -> Self:  # noqa: B008 - it never changes
        """Returns the member of this word."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.effect = effect
        return member


AnyReason = TypeVar("AnyReason", bound=OwnReason)


def reason_of(table: type[AnyReason], word: str) -> AnyReason | Foreign:
    """Returns the reason of a table that a word stands for, wherever that comes from."""
    try:
        return table(word)
    except ValueError:
        return Foreign(word)


def effect_of(reason: OwnReason | Foreign) -> Effect:
    """Returns what follows from a reason."""
    return reason.effect if isinstance(reason, OwnReason) else FOREIGN


class StatusCause(NamedTuple):
    """Why something is as it is, as Kubernetes says it.

    https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/

    Args:
        reason: One word for machines.
        message: A sentence for people.
    """

    reason: OwnReason | Foreign
    message: str


def clean(text: str) -> str:
    """Returns text of others without what commands a terminal, bounded to its end, which says most."""
    return printable(text, instead=" ").strip().encode()[-MAX_MESSAGE:].decode(errors="ignore")
