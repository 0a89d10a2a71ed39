"""What can be done about an object of any kind: the steps that all plans may have."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from epochal_api.model import StatusModel

from epochal_operator.runtime.events import Event

AnyStatus = TypeVar("AnyStatus", bound=StatusModel)


@dataclass(frozen=True)
class EmitEvent:
    """Tell what happened."""

    event: Event


@dataclass(frozen=True)
class ApplyStatus(Generic[AnyStatus]):
    """Apply the leader's part of the status."""

    status: AnyStatus
