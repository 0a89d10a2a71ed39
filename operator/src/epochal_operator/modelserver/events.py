"""Which transitions of a ModelServer are Events."""

from collections.abc import Iterator

from epochal_api.modelserver import ModelServer
from epochal_api.modelserver_status import ModelServerStatus

from epochal_operator.modelserver.reasons import Foreign, Reason, StatusCause, as_reason, effect
from epochal_operator.runtime.conditions import get_condition
from epochal_operator.runtime.events import Event


def events(before: ModelServerStatus, after: ModelServerStatus, rollout: str) -> list[Event]:
    """Returns what happened to a ModelServer between two statuses.

    Args:
        before: Its status so far.
        after: Its status from now on.
        rollout: What tells the rollout of its Deployment from others.
    """
    return list(_events(before, after, rollout))


def of_spec(server: ModelServer, before: ModelServerStatus, *, lacks_best: bool) -> list[Event]:
    """Returns what a spec makes worth a warning, the first time that it is seen.

    Args:
        server: The ModelServer.
        before: Its status so far.
        lacks_best: Whether the best model was asked for, and the last one is served.
    """
    generation, told = str(server.metadata.generation), []
    if before.observed_generation != server.metadata.generation and server.spec.auth and not server.spec.tls:
        note = (
            "spec.auth: who is on the way to it can read the keys, and use them, too, since they go over plain HTTP: "
            "set spec.tls."
        )
        told.append(_event(Reason.PLAIN_KEYS, note, generation))
    if lacks_best:
        note = (
            "spec.source: the best model was asked for, and the training has stored that of its last epoch only "
            "(spec.results.best): that is served."
        )
        told.append(_event(Reason.BEST_MISSING, note, generation))
    return told


def not_convertible(cause: StatusCause, sha256: str) -> Event:
    """Returns that a model cannot become ONNX.

    Args:
        cause: What the pod said that was to convert it.
        sha256: The model.
    """
    return _event(Reason.NOT_CONVERTIBLE, f"It is served by Keras, in the trainer's image: {cause.message}", sha256)


def _events(before: ModelServerStatus, after: ModelServerStatus, rollout: str) -> Iterator[Event]:
    progress, was = (get_condition(one.conditions, "Progressing") for one in (after, before))
    ready, had = (get_condition(one.conditions, "Ready") for one in (after, before))
    generation = str(after.observed_generation)
    if progress is not None and (was is None or was.reason != progress.reason):
        reason = as_reason(progress.reason)
        # That all goes well is told once of each rollout: after each change of the number of pods it does again.
        key = rollout if reason == Reason.ROLLED_OUT else f"{generation}/{rollout}/{progress.message}"
        if effect(reason).event:
            yield _event(reason, progress.message, key)
    if ready is not None and ready.reason == Reason.STOPPED and (had is None or had.reason != Reason.STOPPED):
        yield _event(Reason.STOPPED, ready.message, generation)


def _event(reason: Reason | Foreign, note: str, key: str) -> Event:
    return Event(effect(reason).event or "Warning", reason, note, key)
