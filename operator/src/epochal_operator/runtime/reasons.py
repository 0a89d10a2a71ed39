"""Why something is as it is, as conditions and Events of any kind say it: a reason for machines, a message for people.

Each kind has a table of its own reasons.
"""

from enum import StrEnum
from typing import Literal, NamedTuple, NewType

EventType = Literal["Normal", "Warning"]
Fault = Literal["User", "Crash", "Cluster"]
"""What must be mended where something went wrong: what the user wrote or named, the trainer, or the cluster."""

Foreign = NewType("Foreign", str)
"""A reason that is in no table of ours: a word of Kubernetes, or of another version."""


class StatusCause(NamedTuple):
    """Why something is as it is, as Kubernetes says it.

    https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/

    Args:
        reason: One word for machines.
        message: A sentence for people.
    """

    reason: StrEnum | Foreign
    message: str
