"""The state that a training starts from: its own last checkpoint, or a checkpoint of another training."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from epochal_api.trainingjob.training import Training

from epochal_trainer.checkpoint.best_model import BestModel, best_model
from epochal_trainer.checkpoint.snapshot import Snapshot
from epochal_trainer.checkpoint.state import EarlierBest, Position, ResumeFacts
from epochal_trainer.checkpoint.store import Store
from epochal_trainer.lib.failures import Failure, bad_spec
from epochal_trainer.reporting.best import Monitor, find_best_epoch
from epochal_trainer.storage import Bucket

FIELD = "spec.training.continueFrom"


@dataclass(frozen=True)
class ResumePoint:
    """The state that a training starts from.

    Args:
        snapshot: The state, read from a checkpoint.
        is_own: Whether the checkpoint is from an earlier attempt of this training. Otherwise it is the checkpoint of
            another training that this training continues (continueFrom).
        results_uri: URI of the results folder with the checkpoint.
        best_file: The model file with the best weights of the other training, which replace the snapshot's weights;
            None to use the snapshot's weights.
        is_same: Whether the other training has the same network, data and training settings (`training_digest`). Then
            its epochs may be the best epoch of this training.
        comparable_epochs: Numbers of the other training's epochs that were trained with the loss in its facts.
    """

    snapshot: Snapshot
    is_own: bool
    results_uri: str
    best_file: BestModel | None = None
    is_same: bool = False
    comparable_epochs: frozenset[int] = frozenset()

    def __str__(self) -> str:
        state = self.snapshot.state
        at = state.position
        within = f"epoch {at.epoch + 1}, step {at.step} of {state.facts.steps}"
        text = within if at.begun else f"the end of epoch {at.epoch}"
        if self.best_file is not None:
            return f"{text} ({self.best_file.uri})"
        origin = f"checkpoint of attempt {state.attempt}" if self.is_own else f"checkpoint in {self.results_uri}"
        return f"{text} ({origin})"


def find(
    own_store: Store,
    training: Training,
    training_digest: str,
    open_results: Callable[[str], tuple[Bucket, str]],
    *,
    keeps_best: bool = True,
) -> ResumePoint | None:
    """Read the checkpoint that a training starts from. Return None if it starts from the beginning.

    Args:
        own_store: The training's own checkpoints.
        training: The spec of the training.
        training_digest: Digest of this training's spec, see job.training_digest.
        open_results: Returns the bucket and the folder of a training's results from their URI.
        keeps_best: Whether this training keeps the weights of its best epoch.

    Returns:
        The newest of the training's own checkpoints. If it has no checkpoints, the newest checkpoint of the training in
        spec.training.continueFrom, with the best weights of that training if `from` is Best.

    Raises:
        Failure: CheckpointMissing, if the other training has no checkpoint. InvalidTraining, if it cannot be
            continued, such as if spec.training.epochs is too small. CheckpointDamaged, CheckpointTooNew, or a failure
            of the bucket.
    """
    if (snapshot := own_store.newest()) is not None:
        return ResumePoint(snapshot, is_own=True, results_uri=own_store.uri)
    if training.continue_from is None:
        return None
    if training.continue_from.uri is None:
        raise bad_spec(
            "InvalidTraining",
            f"{FIELD}.name: found {training.continue_from.name!r}, which works only in a cluster: use uri with the "
            "folder of the other training's results",
        )
    wants_best = training.continue_from.from_ == "Best"

    def continues_unchanged(facts: ResumeFacts) -> bool:
        return facts.training_digest == training_digest and not wants_best

    bucket, folder = open_results(training.continue_from.uri)
    store = Store(bucket, folder, own_store.scratch)
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
    model = best_model(bucket, folder, own_store.scratch, trained) if wants_best else None
    if model is not None:
        trained = model.epoch
        snapshot = snapshot.changed(position=Position(epoch=trained), seconds=0.0, callbacks=[])
    if training.epochs <= trained:
        epochs, more = training.epochs, "epoch" if training.epochs == 1 else "epochs"
        raise bad_spec(
            "InvalidTraining",
            f"spec.training.epochs: found {epochs}, but {trained} epochs were trained in {store.uri} already, and "
            f"these epochs count: write {trained + epochs} to train {epochs} {more} more",
        )
    if training.stop_after_epoch is not None and training.stop_after_epoch <= trained:
        raise bad_spec(
            "InvalidTraining",
            f"spec.training.stopAfterEpoch: found {training.stop_after_epoch}, but {trained} epochs were trained in "
            f"{store.uri} already: write {trained + 1} to {training.epochs}",
        )
    continued = snapshot.changed(stop_training=False, finished_early=False, history=snapshot.state.history[:trained])
    # Without kept weights, the other training's best epoch cannot become the best model of this training.
    has_best = snapshot.state.best is not None or snapshot.newly_lost_best_epoch is not None or not keeps_best
    is_same = continues_unchanged(snapshot.state.facts) and has_best
    comparable_epochs = frozenset(epoch.number for epoch in continued.state.history if epoch.eligible)
    continued = continued if is_same else continued.without_eligible_epochs()
    return ResumePoint(
        continued,
        is_own=False,
        results_uri=store.uri,
        best_file=model,
        is_same=is_same,
        comparable_epochs=comparable_epochs,
    )


def check_network_files(resume_point: ResumePoint, files: Mapping[str, str]) -> None:
    """Check that the files that the network is read from are unchanged since the training's own checkpoint.

    A changed file makes another training, even if all variables match. The checkpoint of another training is not
    checked here: only its variables must match.

    Args:
        resume_point: The checkpoint that the training starts from.
        files: SHA-256 of each file that the network is read from.

    Raises:
        Failure: CheckpointMismatch, if a file has changed.
    """
    before = resume_point.snapshot.state.facts.network_files
    if not resume_point.is_own or before == files:
        return
    changed = next((name for name in files if before.get(name) != files[name]), "the network")
    uri = resume_point.results_uri
    raise bad_spec(
        "CheckpointMismatch",
        f"{changed} has changed since the checkpoint of attempt {resume_point.snapshot.state.attempt} in {uri}: "
        f"found the SHA-256 {files.get(changed)}, expected {before.get(changed)}. Another file is another training: "
        f"restore the file, or create a new TrainingJob, which may continue from {uri} with {FIELD}.uri if its "
        "variables are the same",
    )


def continued_facts(resume_point: ResumePoint | None, facts: ResumeFacts, monitor: Monitor) -> ResumeFacts:
    """Return the facts of a training with those fields set that depend on its start, such as `earlier_best`."""
    if resume_point is None:
        return facts
    start_facts = resume_point.snapshot.state.facts
    has_own_epochs = resume_point.is_own or (resume_point.is_same and start_facts.data == facts.data)
    data_changed = (
        resume_point.snapshot.state.position.epoch if start_facts.data != facts.data else start_facts.data_changed
    )
    # The validation samples may include samples that were trained on before.
    shares_data = bool(start_facts.data.items() & facts.data.items()) and facts.split_parameters is not None
    return facts.model_copy(
        update={
            "earlier_best": start_facts.earlier_best if has_own_epochs else _earlier_best(resume_point, facts, monitor),
            "lost_best_epoch": _lost_best_epoch(resume_point.snapshot, monitor) if has_own_epochs else None,
            "validation_was_trained_on": shares_data
            and (start_facts.validation_was_trained_on or start_facts.train_part != facts.train_part),
            # The data of another training may differ.
            "data_changed": data_changed if resume_point.is_own or resume_point.is_same else None,
        }
    )


def _earlier_best(resume_point: ResumePoint, facts: ResumeFacts, monitor: Monitor) -> EarlierBest | None:
    """Return the best epoch, by the monitored metric, of all earlier trainings that this training continues.

    Return None if no epoch has a comparable value. Values of a loss are comparable only with the same loss.
    """
    start_facts = resume_point.snapshot.state.facts
    earlier, epochs = start_facts.earlier_best, resume_point.snapshot.history
    if monitor.metric in {"loss", "val_loss"}:
        if start_facts.loss != facts.loss:
            return None
        # Of the epochs before that training, only the best one certainly has this loss.
        same_loss = {earlier.epoch} if earlier is not None and earlier.metric == monitor.metric else set()
        epochs = [epoch for epoch in epochs if epoch.number in resume_point.comparable_epochs | same_loss]
    found = find_best_epoch(epochs, monitor, only_eligible=False)
    if found is None:
        return None
    uri = earlier.results_uri if earlier is not None and earlier.epoch == found.epoch else resume_point.results_uri
    return EarlierBest(epoch=found.epoch, metric=monitor.metric, mode=monitor.mode, value=found.value, results_uri=uri)


def _lost_best_epoch(snapshot: Snapshot, monitor: Monitor) -> int | None:
    """Return the number of the best epoch if its weights are lost; else, or if an eligible epoch is as good, None."""
    numbers = {snapshot.state.facts.lost_best_epoch, snapshot.newly_lost_best_epoch}
    lost = find_best_epoch(
        [epoch for epoch in snapshot.history if epoch.number in numbers], monitor, only_eligible=False
    )
    kept = find_best_epoch(snapshot.history, monitor)
    if lost is None or (kept is not None and not monitor.is_better(lost.value, kept.value)):
        return None
    return lost.epoch
