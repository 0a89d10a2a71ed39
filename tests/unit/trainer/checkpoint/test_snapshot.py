"""The state of a training in memory."""

from collections.abc import Callable
from typing import Any

from epochal_trainer.checkpoint import Before, Facts, Snapshot
from epochal_trainer.checkpoint.state import FinishedEpoch

FACTS: dict[str, Any] = {"samples": 10, "batch_size": 2, "steps": 5, "seed": 7, "optimizer": {}, "data": {}}


def test_figures_take_the_names_that_they_have_now(make: Callable[..., Snapshot]) -> None:
    before = Before(epoch=1, metric="val_mean_absolute_error", mode="Min", value=0.5, where="s3://results/old/")
    metrics = [{"mean_absolute_error": 0.5, "loss": 1.0}, {"mean_absolute_error": 0.25, "mae": 0.125}]
    history = [FinishedEpoch(number=index + 1, seconds=1, metrics=found) for index, found in enumerate(metrics)]
    former = {"mean_absolute_error": "mae", "val_mean_absolute_error": "val_mae"}
    found = make(2, history=history, facts=Facts(**FACTS, before=before)).renamed(former)
    assert [list(epoch.metrics.items()) for epoch in found.history] == [
        [("mae", 0.5), ("loss", 1.0)],
        [("mean_absolute_error", 0.25), ("mae", 0.125)],
    ]
    assert found.state.facts.before == before.model_copy(update={"metric": "val_mae"})
