"""The status of a ModelServer, computed from its observed state."""

from collections.abc import Iterator

from epochal_api.condition import timestamp
from epochal_api.kind import Metadata
from epochal_api.modelserver.status import ModelServerStatus
from epochal_api.printer_columns import ServerDisplay

from epochal_operator.modelserver.observed import Observed
from epochal_operator.modelserver.phase import Phase, describe
from epochal_operator.modelserver.reasons import Reason, StatusCause, effect
from epochal_operator.modelserver.resources import NAME_LABEL, UID_LABEL
from epochal_operator.runtime.conditions import ConditionStatus, make_conditions


def derive_status(
    metadata: Metadata, before: ModelServerStatus, phase: Phase, observed: Observed, url: str | None
) -> ModelServerStatus:
    """Return the status of a ModelServer."""
    counts = phase.counts
    now = timestamp(observed.now)
    return ModelServerStatus(
        observed_generation=metadata.generation,
        state=phase.state,
        url=url,
        model=phase.model,
        replicas=counts.existing,
        ready_replicas=counts.ready,
        selector=f"{NAME_LABEL}={metadata.name},{UID_LABEL}={metadata.uid}",
        ready_time=before.ready_time or (now if phase.is_serving else None),
        conditions=make_conditions(
            _conditions(phase), before.conditions, generation=metadata.generation, now=observed.now
        ),
        display=ServerDisplay(
            model=describe(phase.model)[:256] if phase.model else None, ready=f"{counts.ready}/{counts.desired}"
        ),
    )


def _conditions(phase: Phase) -> Iterator[tuple[str, ConditionStatus, StatusCause]]:
    """Yield the type, status and cause of each condition."""
    progress = effect(phase.progress.reason)
    yield "Ready", "True" if phase.is_serving else "False", phase.ready
    paused = phase.progress.reason == Reason.PAUSED
    yield "Progressing", "Unknown" if paused else "True" if progress.ready else "False", phase.progress
    yield "Reconciling", "True" if phase.is_reconciling else "False", phase.progress
    if phase.is_stalled:
        yield "Stalled", "True", phase.progress
    else:
        yield "Stalled", "False", StatusCause(Reason.PROGRESSING, "")
