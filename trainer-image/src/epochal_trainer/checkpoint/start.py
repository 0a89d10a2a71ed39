"""What a training goes on from: its own last checkpoint, or that of another one."""

from collections.abc import Callable
from dataclasses import dataclass

from epochal_api.training import Training

from epochal_trainer.checkpoint.best_model import BestModel, Models
from epochal_trainer.checkpoint.snapshot import Snapshot
from epochal_trainer.checkpoint.state import Facts, Position
from epochal_trainer.checkpoint.store import Store
from epochal_trainer.lib.failures import Failure, bad_spec

FIELD = "spec.training.continueFrom"


@dataclass(frozen=True)
class Start:
    """What a training begins with.

    Args:
        snapshot: The state.
        own: Whether it is this training's own; else it is another's.
        where: Where the results lie that it belongs to.
        best: The model whose weights it takes, if those are not the ones of the snapshot.
        same: Whether it is the same training, under another name: its epochs are as good as this one's own.
        measured: Of another training, its own epochs that had their weights: their loss is the one of its facts.
    """

    snapshot: Snapshot
    own: bool
    where: str
    best: BestModel | None = None
    same: bool = False
    measured: frozenset[int] = frozenset()

    def __str__(self) -> str:
        state = self.snapshot.state
        at = state.position
        within = f"epoch {at.epoch + 1}, step {at.step} of {state.facts.steps}"
        place = within if at.begun else f"the end of epoch {at.epoch}"
        if self.best is not None:
            return f"{place} ({self.best.uri})"
        origin = f"checkpoint of attempt {state.attempt}" if self.own else f"checkpoint in {self.where}"
        return f"{place} ({origin})"


def find(
    own: Store,
    training: Training,
    recipe: str,
    other: Callable[[str], Store],
    models: Callable[[str], Models],
    *,
    keeps_best: bool = True,
) -> Start | None:
    """Looks for what a training goes on from.

    Args:
        own: Its own checkpoints.
        training: How it is to be trained.
        recipe: Digest of all that its epochs follow from.
        other: Opens the checkpoints of the training whose results lie at a URI.
        models: Opens the models of that training likewise.
        keeps_best: Whether the weights of the best epoch are kept.

    Returns:
        The newest of its own checkpoints, or the newest of the one it continues, with that one's best weights if they
        are asked for; None if it begins anew.

    Raises:
        Failure: CheckpointMissing, if the other one has none; InvalidTraining, if it cannot be continued;
            CheckpointDamaged; CheckpointTooNew; or whatever is the matter with the bucket.
    """
    if (snapshot := own.newest()) is not None:
        return Start(snapshot, own=True, where=own.uri)
    if training.continue_from is None:
        return None
    if training.continue_from.uri is None:
        raise bad_spec(
            "InvalidTraining",
            f"{FIELD}.name: found {training.continue_from.name!r}, which only a cluster can look up; outside of one "
            "give uri, the folder of the other training's results",
        )
    wants_best = training.continue_from.from_ == "Best"

    def is_same(facts: Facts) -> bool:
        return facts.recipe == recipe and not wants_best

    store = other(training.continue_from.uri)
    try:
        snapshot = store.newest(lambda state: is_same(state.facts))
    except Failure as failure:
        raise Failure(failure.reason, f"{FIELD}: {failure.message}", failure.exit_code) from failure
    if snapshot is None:
        raise bad_spec(
            "CheckpointMissing",
            f"{FIELD}: there is no checkpoint in {store.uri} that can be used; it must be the folder of a training's "
            "results, as its status.results.uri says",
        )
    trained = snapshot.state.position.epoch
    best = models(training.continue_from.uri).best(trained) if wants_best else None
    if best is not None:
        trained = best.epoch
        snapshot = snapshot.changed(position=Position(epoch=trained), seconds=0.0, callbacks=[])
    if training.epochs <= trained:
        epochs, more = training.epochs, "epoch" if training.epochs == 1 else "epochs"
        raise bad_spec(
            "InvalidTraining",
            f"spec.training.epochs: found {epochs}, and {trained} were trained in {store.uri} already, which count: "
            f"write {trained + epochs} to train {epochs} {more} more",
        )
    if training.stop_after_epoch is not None and training.stop_after_epoch <= trained:
        raise bad_spec(
            "InvalidTraining",
            f"spec.training.stopAfterEpoch: found {training.stop_after_epoch}, and {trained} epochs were trained in "
            f"{store.uri} already, which count: write a later one, of {training.epochs} in all",
        )
    goes_on = snapshot.changed(stop_training=False, finished_early=False, history=snapshot.state.history[:trained])
    # Where none of its weights were kept, its best epoch is none that this training could leave.
    kept = snapshot.state.best is not None or snapshot.lost is not None or not keeps_best
    same = is_same(snapshot.state.facts) and kept
    measured = frozenset(epoch.number for epoch in goes_on.state.history if epoch.comparable)
    goes_on = goes_on if same else goes_on.incomparable()
    return Start(goes_on, own=False, where=store.uri, best=best, same=same, measured=measured)
