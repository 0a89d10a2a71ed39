"""Facts that follow from the start of a training: the best epoch of earlier trainings, and lost weights."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from epochal_trainer.checkpoint import EarlierBest, ResumeFacts, ResumePoint, Snapshot, continued_facts
from epochal_trainer.reporting.best import Monitor
from epochal_trainer.reporting.history import Epoch

from tests.unit.trainer.checkpoint.starts import FACTS as ANY

Make = Callable[..., Snapshot]

AUC, LOSS = Monitor("val_auc", "Max"), Monitor("val_loss")
FACTS = ANY.model_copy(update={"loss": {"name": "mse"}, "data": {}})
HISTORY = [
    Epoch(number, 1, None, {"val_auc": auc, "val_loss": loss}, eligible=False)
    for number, auc, loss in ((1, 0.5, 0.25), (2, 0.75, 0.5), (3, 0.625, 1.0))
]
OLD = EarlierBest(epoch=1, metric="val_loss", mode="Min", value=0.25, results_uri="s3://results/older/")


def start(make: Make, *, facts: ResumeFacts = FACTS, **kind: bool) -> ResumePoint:
    snapshot = make(3, history=HISTORY, facts=facts)
    comparable = frozenset({2, 3})  # The first one is of a training before that.
    fields: dict[str, Any] = {"is_own": False, "results_uri": "s3://results/old/", **kind}
    return ResumePoint(snapshot, comparable_epochs=comparable, **fields)


def changed(**fields: Any) -> ResumeFacts:
    return FACTS.model_copy(update=fields)


@pytest.mark.parametrize(
    ("monitor", "stored", "epoch", "uri"),
    [
        (AUC, FACTS, 2, "s3://results/old/"),
        (LOSS, FACTS, 2, "s3://results/old/"),
        (LOSS, changed(earlier_best=OLD.model_copy(update={"metric": "val_auc"})), 2, "s3://results/old/"),
        (LOSS, changed(earlier_best=OLD), 1, "s3://results/older/"),
        (AUC, changed(earlier_best=OLD), 2, "s3://results/old/"),
        (AUC, changed(loss={"name": "mae"}), 2, "s3://results/old/"),
        (LOSS, changed(loss={"name": "mae"}), None, ""),
        (Monitor("val_mae"), FACTS, None, ""),
    ],
    ids=str,
)
def test_the_earlier_best_epoch_is_comparable(
    make: Make, monitor: Monitor, stored: ResumeFacts, epoch: int | None, uri: str
) -> None:
    found = continued_facts(start(make, facts=stored), FACTS, monitor).earlier_best
    assert (found and (found.epoch, found.results_uri, found.metric, found.mode)) == (
        epoch and (epoch, uri, monitor.metric, monitor.mode)
    )


def test_a_new_training_has_no_earlier_best(make: Make) -> None:
    assert continued_facts(None, FACTS, LOSS) == FACTS
    assert continued_facts(start(make, is_own=True), FACTS, LOSS).earlier_best is None


@pytest.mark.parametrize("kind", [{"is_own": True}, {"is_same": True}], ids=str)
def test_the_same_training_keeps_its_earlier_best(make: Make, kind: dict[str, bool]) -> None:
    assert continued_facts(start(make, facts=changed(earlier_best=OLD), **kind), FACTS, LOSS).earlier_best == OLD


def test_other_data_make_it_another_training(make: Make) -> None:
    found = continued_facts(start(make, is_same=True), changed(data={"a": "0" * 64}), AUC).earlier_best
    assert found is not None
    assert found.epoch == 2


@pytest.mark.parametrize(
    ("now", "before", "kind", "lost"),
    [
        (1, None, {"is_own": True}, 1),
        (None, 1, {"is_own": True}, 1),  # an attempt before has lost them
        (None, 1, {"is_same": True}, 1),
        (None, 1, {}, None),
        (3, 1, {"is_own": True}, 1),  # the better one of both
        (3, None, {"is_own": True}, None),  # a better one has come since
        (None, None, {"is_own": True}, None),
    ],
    ids=str,
)
def test_a_lost_best_epoch_is_replaced_by_a_better_one(
    make: Make, now: int | None, before: int | None, kind: dict[str, bool], lost: int | None
) -> None:
    history = [replace(epoch, eligible=epoch.number == 2) for epoch in HISTORY]
    began = start(make, facts=changed(lost_best_epoch=before), **kind)
    snapshot = replace(began.snapshot.changed(history=history), newly_lost_best_epoch=now)
    assert continued_facts(replace(began, snapshot=snapshot), FACTS, LOSS).lost_best_epoch == lost
