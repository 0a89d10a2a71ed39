"""What was best in the trainings that one goes on from: none of its own epochs is called the best beside that."""

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
    if monitor.metric in {"loss", "val_loss"} and there.loss != facts.loss:
        return None
    found = best([replace(epoch, comparable=True) for epoch in start.snapshot.history], monitor)
    if found is None:
        return None
    earlier = there.before
    where = earlier.where if earlier is not None and earlier.epoch == found.epoch else start.where
    return Before(epoch=found.epoch, metric=monitor.metric, mode=monitor.mode, value=found.value, where=where)
