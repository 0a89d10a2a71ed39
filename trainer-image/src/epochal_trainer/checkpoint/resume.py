"""What a training goes on from: its own last checkpoint, or that of another one."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import keras
from epochal_api.training import Training

from epochal_trainer.checkpoint import variables
from epochal_trainer.checkpoint.snapshot import Snapshot
from epochal_trainer.checkpoint.state import Facts, Position
from epochal_trainer.checkpoint.store import Store
from epochal_trainer.failures import Failure, bad_spec

log = logging.getLogger(__name__)

_FIELD = "spec.training.continueFrom"


@dataclass(frozen=True)
class Start:
    """What a training begins with.

    Args:
        snapshot: The state.
        own: Whether it is this training's own; else it is another's.
        where: Where it lies.
    """

    snapshot: Snapshot
    own: bool
    where: str

    def __str__(self) -> str:
        state = self.snapshot.state
        at = state.position
        within = f"epoch {at.epoch + 1}, step {at.step} of {state.facts.steps}"
        place = within if at.begun else f"the end of epoch {at.epoch}"
        origin = f"checkpoint of attempt {state.attempt}" if self.own else f"checkpoint in {self.where}"
        return f"{place} ({origin})"


def find(own: Store, training: Training, other: Callable[[str], Store]) -> Start | None:
    """Looks for what a training goes on from.

    Args:
        own: Its own checkpoints.
        training: How it is to be trained.
        other: Opens the checkpoints of the training whose results lie at a URI.

    Returns:
        The newest of its own checkpoints, or the newest of the one it continues; None if it begins anew.

    Raises:
        Failure: InvalidTraining, if it cannot continue the other one; CheckpointTooNew; or whatever is the matter with
            the bucket.
    """
    if (snapshot := own.newest()) is not None:
        return Start(snapshot, own=True, where=own.uri)
    if training.continue_from is None:
        return None
    if training.continue_from.uri is None:
        raise bad_spec(
            "InvalidTraining",
            f"{_FIELD}.name: found {training.continue_from.name!r}, which only a cluster can look up; outside of one "
            "give uri, the folder of the other training's results",
        )
    store = other(training.continue_from.uri)
    try:
        snapshot = store.newest()
    except Failure as failure:
        raise Failure(failure.reason, f"{_FIELD}: {failure.message}", failure.exit_code) from failure
    if snapshot is None:
        raise bad_spec(
            "InvalidTraining",
            f"{_FIELD}: there is no checkpoint in {store.uri} that can be used; it must be the folder of a training's "
            "results, as its status.results.uri says",
        )
    trained = snapshot.state.position.epoch
    if training.epochs <= trained:
        raise bad_spec(
            "InvalidTraining",
            f"spec.training.epochs: found {training.epochs}, and {trained} were trained in {store.uri} already: it "
            "must be greater than that, since it counts those",
        )
    return Start(snapshot.changed(stop_training=False), own=False, where=store.uri)


def fitted(start: Start, model: keras.Model, facts: Facts) -> Start | None:
    """Fits what a training goes on from to what it is now.

    Args:
        start: What was found.
        model: The model, compiled, its metrics built.
        facts: What the position in an epoch depends on.

    Returns:
        What can be gone on from; None if its own checkpoint does not fit, and it has to begin anew.

    Raises:
        Failure: InvalidTraining, if the network is not that of the training to continue: names the layer and both
            shapes.
    """
    state = start.snapshot.state
    here = {group: variables.describe(members) for group, members in variables.groups(model).items()}
    there = dict(state.variables)
    if not start.own and state.facts.optimizer != facts.optimizer:
        log.info("The optimizer is not described as it was there: it starts anew.")
        there.pop(variables.OPTIMIZER, None)
    for group in (variables.MODEL, variables.OPTIMIZER):
        if group in there and (found := variables.difference(there[group], here[group])):
            if start.own:
                log.warning(
                    "THE CHECKPOINT DOES NOT FIT THE NETWORK, so the training begins anew. Has the image changed? %s",
                    found,
                )
                return None
            raise bad_spec("InvalidTraining", f"{_FIELD}: the network must be the one of {start.where}: {found}")
    if state.facts.data != facts.data:
        log.warning("The data have changed since the checkpoint was written: the result will not be the same.")
    same_metrics = not variables.difference(there.get(variables.METRICS, []), here[variables.METRICS])
    position, seconds = state.position, state.seconds
    if position.begun and not (state.facts.order == facts.order and same_metrics):
        log.warning(
            "Samples, batch size, seed or metrics are not those of the checkpoint, from the middle of epoch %d: that "
            "epoch begins anew.",
            position.epoch + 1,
        )
        position, seconds = Position(epoch=position.epoch), 0.0
    if not position.begun:
        there.pop(variables.METRICS, None)
    return replace(start, snapshot=start.snapshot.changed(variables=there, position=position, seconds=seconds))
