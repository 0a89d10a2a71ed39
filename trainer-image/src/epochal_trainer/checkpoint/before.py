"""What was better than the epochs whose weights are there: none of these is called the best beside that.

It was in the trainings that one goes on from, or its weights were lost.
"""

from dataclasses import replace

from epochal_trainer.checkpoint.start import Start
from epochal_trainer.checkpoint.state import Before, Facts
from epochal_trainer.reporting.best import Monitor, best


def best_before(start: Start | None, facts: Facts, monitor: Monitor) -> Before | None:
    """Returns the best epoch of the trainings that one goes on from.

    Args:
        start: What it goes on from, if anything.
        facts: What a checkpoint will say of it.
        monitor: What tells the best epoch.

    Returns:
        The epoch; None where there is none that this training could be measured by. A loss is no measure of another.
    """
    if start is None:
        return None
    there = start.snapshot.state.facts
    if start.own or (start.same and there.data == facts.data):  # Its epochs are this one's own.
        return there.before
    earlier, epochs = there.before, start.snapshot.history
    if monitor.metric in {"loss", "val_loss"}:
        if there.loss != facts.loss:
            return None
        # Of those from before that training only the best is known to be of this loss.
        same_loss = {earlier.epoch} if earlier is not None and earlier.metric == monitor.metric else set()
        epochs = [epoch for epoch in epochs if epoch.number in start.measured | same_loss]
    found = best([replace(epoch, comparable=True) for epoch in epochs], monitor)
    if found is None:
        return None
    where = earlier.where if earlier is not None and earlier.epoch == found.epoch else start.where
    return Before(epoch=found.epoch, metric=monitor.metric, mode=monitor.mode, value=found.value, where=where)


def lost_best(start: Start | None, facts: Facts, monitor: Monitor) -> int | None:
    """Returns the best epoch of a training, if its weights were lost and none is better whose weights are there.

    Args:
        start: What it goes on from, if anything.
        facts: What a checkpoint will say of it.
        monitor: What tells the best epoch.
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
