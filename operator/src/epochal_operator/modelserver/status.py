"""The status of a ModelServer, computed from its observed state."""

from collections.abc import Iterator
from typing import Literal

from epochal_api.condition import Condition, timestamp
from epochal_api.kind import Metadata
from epochal_api.modelserver_status import ModelServerStatus
from epochal_api.printer_columns import ServerDisplay

from epochal_operator.modelserver.labels import NAME_LABEL, UID_LABEL
from epochal_operator.modelserver.observed import Observed
from epochal_operator.modelserver.phase import Phase, describe
from epochal_operator.modelserver.reasons import Reason, StatusCause, effect
from epochal_operator.runtime.conditions import bounded, keep_times

_Value = tuple[str, Literal["True", "False", "Unknown"], StatusCause]
"""The type of a condition, its status, and the cause."""


def status(
    metadata: Metadata, before: ModelServerStatus, phase: Phase, observed: Observed, url: str | None
) -> ModelServerStatus:
    """Return the status of a ModelServer.

    Args:
        metadata: The metadata of the ModelServer.
        before: The previous status of the ModelServer: times are kept.
        phase: The phase of the ModelServer.
        observed: The observed state of the ModelServer.
        url: The URL of the ModelServer, or None.
    """
    found = phase.counts
    now = timestamp(observed.now)
    return ModelServerStatus(
        observed_generation=metadata.generation,
        state=phase.state,
        url=url,
        model=phase.model,
        replicas=found.replicas,
        ready_replicas=found.ready,
        selector=f"{NAME_LABEL}={metadata.name},{UID_LABEL}={metadata.uid}",
        ready_time=before.ready_time or (now if phase.serves else None),
        conditions=conditions(metadata.generation, before, phase, now),
        display=ServerDisplay(
            model=describe(phase.model)[:256] if phase.model else None, ready=f"{found.ready}/{found.wanted}"
        ),
    )


def conditions(generation: int, before: ModelServerStatus, phase: Phase, now: str) -> list[Condition]:
    """Return the conditions of a ModelServer.

    Args:
        generation: The metadata.generation of the ModelServer.
        before: The previous status of the ModelServer: an unchanged condition keeps its lastTransitionTime.
        phase: The phase of the ModelServer.
        now: The current time, RFC 3339.
    """
    changed = [
        Condition(
            type=kind,
            status=value,
            reason=cause.reason,
            message=bounded(cause.message),
            last_transition_time=now,
            observed_generation=generation,
        )
        for kind, value, cause in _values(phase)
    ]
    return keep_times(before.conditions, changed)


def _values(phase: Phase) -> Iterator[_Value]:
    known = effect(phase.progress.reason)
    yield "Ready", "True" if phase.serves else "False", phase.ready
    paused = phase.progress.reason == Reason.PAUSED
    yield "Progressing", "Unknown" if paused else "True" if known.ready else "False", phase.progress
    yield "Reconciling", "True" if phase.reconciling else "False", phase.progress
    if phase.stalled:
        yield "Stalled", "True", phase.progress
    else:
        yield "Stalled", "False", StatusCause(Reason.PROGRESSING, "")
