"""The state that a training starts from: its own last checkpoint, or a checkpoint of another training."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from epochal_api.trainingjob.training import Training

from epochal_trainer.checkpoint.best_model import BestModel, best_model
from epochal_trainer.checkpoint.snapshot import Snapshot
from epochal_trainer.checkpoint.state import Before, Facts, Position
from epochal_trainer.checkpoint.store import Store
from epochal_trainer.lib.failures import Failure, bad_spec
from epochal_trainer.reporting.best import Monitor, best
from epochal_trainer.storage import Bucket

FIELD = "spec.training.continueFrom"


@dataclass(frozen=True)
class Start:
    """The state that a training starts from.

    Args:
        snapshot: The state.
        own: Whether the snapshot is a checkpoint of this training; else it belongs to another training.
        where: URI of the results that the snapshot belongs to.
        best: The model whose weights this training takes, if not the weights of the snapshot.
        same: Whether the other training is identical under another name: then its epochs count like this training's
            own.
        measured: Epochs of the other training itself that are comparable: their loss is the loss in its facts.
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
    place: Callable[[str], tuple[Bucket, str]],
    *,
    keeps_best: bool = True,
) -> Start | None:
    """Find the checkpoint that a training starts from.

    Args:
        own: The training's own checkpoints.
        training: The spec of the training.
        recipe: Digest of everything that determines the epochs.
        place: Returns the bucket and the folder of a training's results by their URI.
        keeps_best: Whether this training keeps the weights of the best epoch.

    Returns:
        The newest of the training's own checkpoints. Without one, the newest checkpoint of the training to continue,
        with its best weights if the spec asks for them. None for a training that starts from the beginning.

    Raises:
        Failure: CheckpointMissing, if the other training has no checkpoint. InvalidTraining, if it cannot be continued.
            CheckpointDamaged, CheckpointTooNew, or a failure of the bucket.
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

    bucket, folder = place(training.continue_from.uri)
    store = Store(bucket, folder, own.scratch)
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
    model = best_model(bucket, folder, own.scratch, trained) if wants_best else None
    if model is not None:
        trained = model.epoch
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
    # Without kept weights, the other training's best epoch cannot become the best model of this training.
    kept = snapshot.state.best is not None or snapshot.lost is not None or not keeps_best
    same = is_same(snapshot.state.facts) and kept
    measured = frozenset(epoch.number for epoch in goes_on.state.history if epoch.comparable)
    goes_on = goes_on if same else goes_on.incomparable()
    return Start(goes_on, own=False, where=store.uri, best=model, same=same, measured=measured)


def continued_facts(start: Start | None, facts: Facts, monitor: Monitor) -> Facts:
    """Return the facts of a training, with those that follow from its start: `before`, `lost`, `seen`, `data_changed`.

    Args:
        start: The state that this training starts from, or None.
        facts: The facts of this training alone.
        monitor: The metric that selects the best epoch.
    """
    if start is None:
        return facts
    there = start.snapshot.state.facts
    has_own_epochs = start.own or (start.same and there.data == facts.data)
    data_changed = start.snapshot.state.position.epoch if there.data != facts.data else there.data_changed
    # The validation samples may include samples that were trained on before.
    shares_data = bool(there.data.items() & facts.data.items()) and facts.division is not None
    return facts.model_copy(
        update={
            "before": there.before if has_own_epochs else _best_before(start, facts, monitor),
            "lost": _lost_best(start.snapshot, monitor) if has_own_epochs else None,
            "seen": shares_data and (there.seen or there.trained != facts.trained),
            "data_changed": data_changed if start.own or start.same else None,  # another training's may differ
        }
    )


def _best_before(start: Start, facts: Facts, monitor: Monitor) -> Before | None:
    """Return the best epoch of other trainings that this training continues, if its value is comparable.

    Values of different losses are not comparable.
    """
    there = start.snapshot.state.facts
    earlier, epochs = there.before, start.snapshot.history
    if monitor.metric in {"loss", "val_loss"}:
        if there.loss != facts.loss:
            return None
        # Of the epochs before that training, only the best one certainly has this loss.
        same_loss = {earlier.epoch} if earlier is not None and earlier.metric == monitor.metric else set()
        epochs = [epoch for epoch in epochs if epoch.number in start.measured | same_loss]
    found = best([replace(epoch, comparable=True) for epoch in epochs], monitor)
    if found is None:
        return None
    where = earlier.where if earlier is not None and earlier.epoch == found.epoch else start.where
    return Before(epoch=found.epoch, metric=monitor.metric, mode=monitor.mode, value=found.value, where=where)


def _lost_best(snapshot: Snapshot, monitor: Monitor) -> int | None:
    """Return the best epoch of a training if its weights are lost and no epoch with weights is better."""
    numbers = {snapshot.state.facts.lost, snapshot.lost}
    lost = best([replace(epoch, comparable=True) for epoch in snapshot.history if epoch.number in numbers], monitor)
    kept = best(snapshot.history, monitor)
    if lost is None or (kept is not None and not monitor.better(lost.value, kept.value)):
        return None
    return lost.epoch
