"""What was best in the trainings that one goes on from."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from epochal_trainer.checkpoint import Before, Facts, Snapshot, Start, continued_facts
from epochal_trainer.reporting.best import Monitor
from epochal_trainer.reporting.history import Epoch

from tests.unit.trainer.checkpoint.starts import FACTS as ANY

Make = Callable[..., Snapshot]

AUC, LOSS = Monitor("val_auc", "Max"), Monitor("val_loss")
FACTS = ANY.model_copy(update={"loss": {"name": "mse"}, "data": {}})
HISTORY = [
    Epoch(number, 1, None, {"val_auc": auc, "val_loss": loss}, comparable=False)
    for number, auc, loss in ((1, 0.5, 0.25), (2, 0.75, 0.5), (3, 0.625, 1.0))
]
OLD = Before(epoch=1, metric="val_loss", mode="Min", value=0.25, where="s3://results/older/")


def start(make: Make, *, facts: Facts = FACTS, **kind: bool) -> Start:
    snapshot = make(3, history=HISTORY, facts=facts)
    measured = frozenset({2, 3})  # The first one is of a training before that.
    return Start(snapshot, measured=measured, **{"own": False, "where": "s3://results/old/", **kind})  # type: ignore[arg-type]


def changed(**fields: Any) -> Facts:
    return FACTS.model_copy(update=fields)


@pytest.mark.parametrize(
    ("monitor", "there", "epoch", "where"),
    [
        (AUC, FACTS, 2, "s3://results/old/"),
        (LOSS, FACTS, 2, "s3://results/old/"),
        (LOSS, changed(before=OLD.model_copy(update={"metric": "val_auc"})), 2, "s3://results/old/"),
        (LOSS, changed(before=OLD), 1, "s3://results/older/"),
        (AUC, changed(before=OLD), 2, "s3://results/old/"),
        (AUC, changed(loss={"name": "mae"}), 2, "s3://results/old/"),
        (LOSS, changed(loss={"name": "mae"}), None, ""),
        (Monitor("val_mae"), FACTS, None, ""),
    ],
    ids=str,
)
def test_it_is_an_epoch_that_can_be_compared(
    make: Make, monitor: Monitor, there: Facts, epoch: int | None, where: str
) -> None:
    found = continued_facts(start(make, facts=there), FACTS, monitor).before
    assert (found and (found.epoch, found.where, found.metric, found.mode)) == (
        epoch and (epoch, where, monitor.metric, monitor.mode)
    )


def test_a_training_that_begins_has_none(make: Make) -> None:
    assert continued_facts(None, FACTS, LOSS) == FACTS
    assert continued_facts(start(make, own=True), FACTS, LOSS).before is None


@pytest.mark.parametrize("kind", [{"own": True}, {"same": True}], ids=str)
def test_what_goes_on_with_its_own_epochs_keeps_what_it_had(make: Make, kind: dict[str, bool]) -> None:
    assert continued_facts(start(make, facts=changed(before=OLD), **kind), FACTS, LOSS).before == OLD


def test_the_same_training_on_other_data_is_another(make: Make) -> None:
    found = continued_facts(start(make, same=True), changed(data={"a": "0" * 64}), AUC).before
    assert found is not None
    assert found.epoch == 2


@pytest.mark.parametrize(
    ("now", "before", "kind", "lost"),
    [
        (1, None, {"own": True}, 1),
        (None, 1, {"own": True}, 1),  # an attempt before has lost them
        (None, 1, {"same": True}, 1),
        (None, 1, {}, None),
        (3, 1, {"own": True}, 1),  # the better one of both
        (3, None, {"own": True}, None),  # a better one has come since
        (None, None, {"own": True}, None),
    ],
    ids=str,
)
def test_the_best_epoch_is_lost_until_there_is_a_better_one(
    make: Make, now: int | None, before: int | None, kind: dict[str, bool], lost: int | None
) -> None:
    history = [replace(epoch, comparable=epoch.number == 2) for epoch in HISTORY]
    began = start(make, facts=changed(lost=before), **kind)
    snapshot = replace(began.snapshot.changed(history=history), lost=now)
    assert continued_facts(replace(began, snapshot=snapshot), FACTS, LOSS).lost == lost
