"""The status of a ModelServer, computed from its observed state."""

from collections.abc import Iterator

from epochal_api.condition import timestamp
from epochal_api.display import ServerDisplay
from epochal_api.kind import Metadata
from epochal_api.modelserver.status import IMAGES_SUITABLE, ModelServerStatus, PreviousModel, ServedModel

from epochal_operator.modelserver.observed import Observed
from epochal_operator.modelserver.phase import Phase, model_label
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
        model=_with_rollout_time(phase, now),
        previous=previous_model(before, phase.model, now),
        replicas=counts.existing,
        ready_replicas=counts.ready,
        selector=f"{NAME_LABEL}={metadata.name},{UID_LABEL}={metadata.uid}",
        ready_time=before.ready_time or (now if phase.is_serving else None),
        conditions=make_conditions(
            _conditions(phase), before.conditions, generation=metadata.generation, now=observed.now
        ),
        display=ServerDisplay(
            model=model_label(phase.model)[:256] if phase.model else None, ready=f"{counts.ready}/{counts.desired}"
        ),
    )


def previous_model(before: ModelServerStatus, model: ServedModel | None, now: str) -> PreviousModel | None:
    """Return the last model that all pods served before the current model, or None.

    A model whose rollout was never complete is no target of a rollback. The result depends only on the status, because
    users can write annotations and ReplicaSets, but not the status.

    Args:
        before: The previous status.
        model: The current model, or None.
        now: The current time.
    """
    old, previous = before.model, before.previous
    if old is not None and old.rolled_out_time is not None and _file(old) != _file(model):
        previous = PreviousModel(uri=old.uri, sha256=old.sha256, signature_sha256=old.signature_sha256, time=now)
    return previous if previous is not None and _file(previous) != _file(model) else None


def _file(model: ServedModel | PreviousModel | None) -> tuple[str, str] | None:
    """Return the URI and the digest of a model's file; None without a model."""
    return (model.uri, model.sha256) if model is not None else None


def _with_rollout_time(phase: Phase, now: str) -> ServedModel | None:
    """Return the current model, with `now` as rolledOutTime if all pods serve it for the first time."""
    model = phase.model
    is_served = phase.progress.reason == Reason.ROLLED_OUT and phase.counts.desired > 0
    if model is None or not is_served or model.rolled_out_time is not None:
        return model
    return model.model_copy(update={"rolled_out_time": now})


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
    if phase.images is not None:
        yield IMAGES_SUITABLE, *phase.images
