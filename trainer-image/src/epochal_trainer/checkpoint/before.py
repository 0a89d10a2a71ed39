"""The best epoch of earlier trainings, which limits the epochs that this training may report as its best.

The earlier epoch belongs to a training that this one continues, or its weights are lost.
"""

from dataclasses import replace

from epochal_trainer.checkpoint.start import Start
from epochal_trainer.checkpoint.state import Before, Facts
from epochal_trainer.reporting.best import Monitor, best


def best_before(start: Start | None, facts: Facts, monitor: Monitor) -> Before | None:
    """Return the best epoch of the trainings that this training continues.

    Args:
        start: The state that this training starts from, or None.
        facts: The facts that the checkpoints of this training record.
        monitor: The metric that selects the best epoch.

    Returns:
        The epoch, or None if no earlier epoch is comparable with this training. Values of different losses are not
        comparable.
    """
    if start is None:
        return None
    there = start.snapshot.state.facts
    if start.own or (start.same and there.data == facts.data):  # These are epochs of this training.
        return there.before
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


def lost_best(start: Start | None, facts: Facts, monitor: Monitor) -> int | None:
    """Return the best epoch of a training if its weights are lost and no epoch with weights is better.

    Args:
        start: The state that this training starts from, or None.
        facts: The facts that the checkpoints of this training record.
        monitor: The metric that selects the best epoch.

    Returns:
        The number of the epoch, or None.
    """
    if start is None:
        return None
    snapshot = start.snapshot
    there = snapshot.state.facts
    if not start.own and not (start.same and there.data == facts.data):
        return None
    numbers = {there.lost, snapshot.lost}
    lost = best([replace(epoch, comparable=True) for epoch in snapshot.history if epoch.number in numbers], monitor)
    kept = best(snapshot.history, monitor)
    if lost is None or (kept is not None and not monitor.better(lost.value, kept.value)):
        return None
    return lost.epoch
