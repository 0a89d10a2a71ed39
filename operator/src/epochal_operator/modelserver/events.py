"""The Events of a ModelServer for transitions of its status and for its spec."""

from collections.abc import Iterator

from epochal_api.modelserver.spec import ModelServer
from epochal_api.modelserver.status import ModelServerStatus

from epochal_operator.modelserver.reasons import Reason, StatusCause, as_reason, effect
from epochal_operator.runtime.conditions import get_condition
from epochal_operator.runtime.events import Event, make_event


def events(before: ModelServerStatus, after: ModelServerStatus, rollout: str) -> Iterator[Event]:
    """Yield the Events for the transition of a ModelServer from one status to the next.

    Args:
        before: The previous status of the ModelServer.
        after: The new status of the ModelServer.
        rollout: The identifier of the Deployment's rollout.
    """
    progress, was = (get_condition(one.conditions, "Progressing") for one in (after, before))
    ready, had = (get_condition(one.conditions, "Ready") for one in (after, before))
    generation = str(after.observed_generation)
    if progress is not None and (was is None or was.reason != progress.reason):
        reason = as_reason(progress.reason)
        # RolledOut has an Event once per rollout, because each change of the replicas reaches it again.
        key = rollout if reason == Reason.ROLLED_OUT else f"{generation}/{rollout}/{progress.message}"
        if effect(reason).event:
            yield make_event(reason, progress.message, key)
    if ready is not None and ready.reason == Reason.STOPPED and (had is None or had.reason != Reason.STOPPED):
        yield make_event(Reason.STOPPED, ready.message, generation)


def of_spec(server: ModelServer, before: ModelServerStatus, *, lacks_best: bool) -> list[Event]:
    """Return the warning Events for a spec: plain HTTP for keys, and a missing best model.

    Args:
        server: The ModelServer.
        before: The previous status of the ModelServer.
        lacks_best: Whether the last model is served because the requested best model is missing.
    """
    generation, told = str(server.metadata.generation), []
    if before.observed_generation != server.metadata.generation and server.spec.auth and not server.spec.tls:
        note = (
            "spec.auth: who is on the way to it can read the keys, and use them, too, since they go over plain HTTP: "
            "set spec.tls."
        )
        told.append(make_event(Reason.PLAIN_KEYS, note, generation))
    if lacks_best:
        note = (
            "spec.source: the best model was asked for, and the training has stored that of its last epoch only "
            "(spec.results.best): that is served."
        )
        told.append(make_event(Reason.BEST_MISSING, note, generation))
    return told


def not_convertible(cause: StatusCause, sha256: str) -> Event:
    """Return the Event for a model that cannot be converted to ONNX.

    Args:
        cause: The cause in the termination message of the converting container.
        sha256: The SHA-256 digest of the model.
    """
    return make_event(Reason.NOT_CONVERTIBLE, f"It is served by Keras, in the trainer's image: {cause.message}", sha256)
