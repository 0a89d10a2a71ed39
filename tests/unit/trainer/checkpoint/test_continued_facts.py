"""Facts that follow from the start of a training: the best epoch of earlier trainings, and lost weights."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from epochal_trainer.checkpoint import EarlierBest, Facts, Snapshot, Start, continued_facts
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
OLD = EarlierBest(epoch=1, metric="val_loss", mode="Min", value=0.25, where="s3://results/older/")


def start(make: Make, *, facts: Facts = FACTS, **kind: bool) -> Start:
    snapshot = make(3, history=HISTORY, facts=facts)
    measured = frozenset({2, 3})  # The first one is of a training before that.
    return Start(snapshot, measured=measured, **{"own": False, "where": "s3://results/old/", **kind})  # type: ignore[arg-type]


def changed(**fields: Any) -> Facts:
    return FACTS.model_copy(update=fields)


@pytest.mark.parametrize(
    ("monitor", "stored", "epoch", "where"),
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
def test_the_earlier_best_epoch_is_comparable(
    make: Make, monitor: Monitor, stored: Facts, epoch: int | None, where: str
) -> None:
    found = continued_facts(start(make, facts=stored), FACTS, monitor).before
    assert (found and (found.epoch, found.where, found.metric, found.mode)) == (
        epoch and (epoch, where, monitor.metric, monitor.mode)
    )


def test_a_new_training_has_no_earlier_best(make: Make) -> None:
    assert continued_facts(None, FACTS, LOSS) == FACTS
    assert continued_facts(start(make, own=True), FACTS, LOSS).before is None


@pytest.mark.parametrize("kind", [{"own": True}, {"is_same": True}], ids=str)
def test_the_same_training_keeps_its_earlier_best(make: Make, kind: dict[str, bool]) -> None:
    assert continued_facts(start(make, facts=changed(before=OLD), **kind), FACTS, LOSS).before == OLD


def test_other_data_make_it_another_training(make: Make) -> None:
    found = continued_facts(start(make, is_same=True), changed(data={"a": "0" * 64}), AUC).before
    assert found is not None
    assert found.epoch == 2


@pytest.mark.parametrize(
    ("now", "before", "kind", "lost"),
    [
        (1, None, {"own": True}, 1),
        (None, 1, {"own": True}, 1),  # an attempt before has lost them
        (None, 1, {"is_same": True}, 1),
        (None, 1, {}, None),
        (3, 1, {"own": True}, 1),  # the better one of both
        (3, None, {"own": True}, None),  # a better one has come since
        (None, None, {"own": True}, None),
    ],
    ids=str,
)
def test_a_lost_best_epoch_is_replaced_by_a_better_one(
    make: Make, now: int | None, before: int | None, kind: dict[str, bool], lost: int | None
) -> None:
    history = [replace(epoch, comparable=epoch.number == 2) for epoch in HISTORY]
    began = start(make, facts=changed(lost=before), **kind)
    snapshot = replace(began.snapshot.changed(history=history), lost=now)
    assert continued_facts(replace(began, snapshot=snapshot), FACTS, LOSS).lost == lost
