"""The state that a training starts from: its own last checkpoint, or a checkpoint of another training."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from epochal_api.trainingjob.training import Training

from epochal_trainer.checkpoint.best_model import BestModel, best_model
from epochal_trainer.checkpoint.snapshot import Snapshot
from epochal_trainer.checkpoint.state import EarlierBest, Facts, Position
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
        is_same: Whether the other training is identical under another name: then its epochs count like this training's
            own.
        measured: Epochs of the other training itself that are comparable: their loss is the loss in its facts.
    """

    snapshot: Snapshot
    own: bool
    where: str
    best: BestModel | None = None
    is_same: bool = False
    measured: frozenset[int] = frozenset()

    def __str__(self) -> str:
        state = self.snapshot.state
        at = state.position
        within = f"epoch {at.epoch + 1}, step {at.step} of {state.facts.steps}"
        text = within if at.begun else f"the end of epoch {at.epoch}"
        if self.best is not None:
            return f"{text} ({self.best.uri})"
        origin = f"checkpoint of attempt {state.attempt}" if self.own else f"checkpoint in {self.where}"
        return f"{text} ({origin})"


def find(
    own: Store,
    training: Training,
    recipe: str,
    open_results: Callable[[str], tuple[Bucket, str]],
    *,
    keeps_best: bool = True,
) -> Start | None:
    """Return the checkpoint that a training starts from, or None if it starts from the beginning.

    Args:
        own: The training's own checkpoints.
        training: The spec of the training.
        recipe: Digest of everything that determines the epochs.
        open_results: Returns the bucket and the folder of a training's results by their URI.
        keeps_best: Whether this training keeps the weights of the best epoch.

    Returns:
        The newest of the training's own checkpoints. Without one, the newest checkpoint of the training to continue,
        with its best weights if spec.training.continueFrom.from is Best.

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
            f"{FIELD}.name: found {training.continue_from.name!r}, which works only in a cluster: use uri with the "
            "folder of the other training's results",
        )
    wants_best = training.continue_from.from_ == "Best"

    def continues_unchanged(facts: Facts) -> bool:
        return facts.recipe == recipe and not wants_best

    bucket, folder = open_results(training.continue_from.uri)
    store = Store(bucket, folder, own.scratch)
    try:
        snapshot = store.newest(lambda state: continues_unchanged(state.facts))
    except Failure as failure:
        raise Failure(failure.reason, f"{FIELD}: {failure.message}", failure.exit_code) from failure
    if snapshot is None:
        raise bad_spec(
            "CheckpointMissing",
            f"{FIELD}: found no checkpoint in {store.uri}: use the URI in status.results.uri of the other TrainingJob",
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
            f"spec.training.epochs: found {epochs}, but {trained} epochs were trained in {store.uri} already, and they "
            f"count: write {trained + epochs} to train {epochs} {more} more",
        )
    if training.stop_after_epoch is not None and training.stop_after_epoch <= trained:
        raise bad_spec(
            "InvalidTraining",
            f"spec.training.stopAfterEpoch: found {training.stop_after_epoch}, but {trained} epochs were trained in "
            f"{store.uri} already: write {trained + 1} to {training.epochs}",
        )
    continued = snapshot.changed(stop_training=False, finished_early=False, history=snapshot.state.history[:trained])
    # Without kept weights, the other training's best epoch cannot become the best model of this training.
    has_best = snapshot.state.best is not None or snapshot.lost is not None or not keeps_best
    is_same = continues_unchanged(snapshot.state.facts) and has_best
    measured = frozenset(epoch.number for epoch in continued.state.history if epoch.comparable)
    continued = continued if is_same else continued.incomparable()
    return Start(continued, own=False, where=store.uri, best=model, is_same=is_same, measured=measured)


def continued_facts(start: Start | None, facts: Facts, monitor: Monitor) -> Facts:
    """Return the facts of a training with those that follow from its start: before, lost, seen and data_changed."""
    if start is None:
        return facts
    start_facts = start.snapshot.state.facts
    has_own_epochs = start.own or (start.is_same and start_facts.data == facts.data)
    data_changed = start.snapshot.state.position.epoch if start_facts.data != facts.data else start_facts.data_changed
    # The validation samples may include samples that were trained on before.
    shares_data = bool(start_facts.data.items() & facts.data.items()) and facts.division is not None
    return facts.model_copy(
        update={
            "before": start_facts.before if has_own_epochs else _best_before(start, facts, monitor),
            "lost": _lost_best(start.snapshot, monitor) if has_own_epochs else None,
            "seen": shares_data and (start_facts.seen or start_facts.trained != facts.trained),
            "data_changed": data_changed if start.own or start.is_same else None,  # another training's may differ
        }
    )


def _best_before(start: Start, facts: Facts, monitor: Monitor) -> EarlierBest | None:
    """Return the best epoch of other trainings that this training continues, if its value is comparable.

    Values of different losses are not comparable.
    """
    start_facts = start.snapshot.state.facts
    earlier, epochs = start_facts.before, start.snapshot.history
    if monitor.metric in {"loss", "val_loss"}:
        if start_facts.loss != facts.loss:
            return None
        # Of the epochs before that training, only the best one certainly has this loss.
        same_loss = {earlier.epoch} if earlier is not None and earlier.metric == monitor.metric else set()
        epochs = [epoch for epoch in epochs if epoch.number in start.measured | same_loss]
    found = best([replace(epoch, comparable=True) for epoch in epochs], monitor)
    if found is None:
        return None
    where = earlier.where if earlier is not None and earlier.epoch == found.epoch else start.where
    return EarlierBest(epoch=found.epoch, metric=monitor.metric, mode=monitor.mode, value=found.value, where=where)


def _lost_best(snapshot: Snapshot, monitor: Monitor) -> int | None:
    """Return the best epoch of a training if its weights are lost and no epoch with weights is better."""
    numbers = {snapshot.state.facts.lost, snapshot.lost}
    lost = best([replace(epoch, comparable=True) for epoch in snapshot.history if epoch.number in numbers], monitor)
    kept = best(snapshot.history, monitor)
    if lost is None or (kept is not None and not monitor.is_better(lost.value, kept.value)):
        return None
    return lost.epoch
