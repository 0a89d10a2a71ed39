"""The Events of a ModelServer for transitions of its status and for its spec."""

from collections.abc import Iterator

from epochal_api.modelserver.spec import ModelServer
from epochal_api.modelserver.status import ModelServerStatus

from epochal_operator.modelserver.reasons import Reason, StatusCause, as_reason, effect
from epochal_operator.runtime.conditions import get_condition
from epochal_operator.runtime.events import Event, make_event


def transition_events(before: ModelServerStatus, after: ModelServerStatus, rollout_id: str) -> Iterator[Event]:
    """Yield an Event if the reason of the condition Progressing changes, and one if Ready gets the reason Stopped.

    Args:
        before: The previous status of the ModelServer.
        after: The new status of the ModelServer.
        rollout_id: Identifier of the Deployment's rollout; empty without a Deployment.
    """
    progress, old_progress = (get_condition(status.conditions, "Progressing") for status in (after, before))
    ready, old_ready = (get_condition(status.conditions, "Ready") for status in (after, before))
    generation = str(after.observed_generation)
    if progress is not None and (old_progress is None or old_progress.reason != progress.reason):
        reason = as_reason(progress.reason)
        # RolledOut has an Event once per rollout, because each change of the replicas reaches it again.
        key = rollout_id if reason == Reason.ROLLED_OUT else f"{generation}/{rollout_id}/{progress.message}"
        if effect(reason).event:
            yield make_event(reason, progress.message, key)
    stopped = Reason.STOPPED
    if ready is not None and ready.reason == stopped and (old_ready is None or old_ready.reason != stopped):
        yield make_event(stopped, ready.message, generation)


def spec_warnings(server: ModelServer, before: ModelServerStatus, *, is_best_missing: bool) -> Iterator[Event]:
    """Yield the warning Events for a spec: bearer keys without TLS in a new generation, and a missing best model.

    Args:
        server: The ModelServer.
        before: The previous status of the ModelServer.
        is_best_missing: Whether the last model is served because the requested best model is missing.
    """
    generation = str(server.metadata.generation)
    if before.observed_generation != server.metadata.generation and server.spec.auth and not server.spec.tls:
        message = "spec.auth without spec.tls: clients send their bearer keys over unencrypted HTTP: set spec.tls."
        yield make_event(Reason.PLAIN_KEYS, message, generation)
    if is_best_missing:
        message = (
            "spec.source: requested the best model, but the training stored only the model of its last epoch, which is "
            "served instead. spec.results.best of a TrainingJob stores the best model."
        )
        yield make_event(Reason.BEST_MISSING, message, generation)


def not_convertible(cause: StatusCause, sha256: str) -> Event:
    """Return the Event for a model that cannot be converted to ONNX, and so is served by Keras."""
    message = f"Cannot convert the model to ONNX, so Keras in the trainer image serves the model. {cause.message}"
    return make_event(Reason.NOT_CONVERTIBLE, message, sha256)
