"""The models that a training leaves, and what is said of them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import pytest
from epochal_api.trainingjob.report import BestEpoch
from epochal_trainer.checkpoint import Before, BestWeights, Costs, Kept, digest
from epochal_trainer.reporting.best import Monitor, best
from epochal_trainer.reporting.history import Epoch
from epochal_trainer.reporting.results import Results
from epochal_trainer.reporting.stages import Stages
from epochal_trainer.storage import FolderBucket
from epochal_trainer.training import models
from epochal_trainer.training.models import Model, Trained

# Keras 3.15 under numpy 2.4: https://numpy.org/devdocs/numpy_2_0_migration_guide.html
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

MONITOR = Monitor("val_loss")
EPOCHS = [
    Epoch(number, 1.0, None, {"loss": 1.0, "val_loss": value}) for number, value in enumerate((0.5, 0.25, 0.75), 1)
]


def network() -> keras.Model:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.BatchNormalization()])
    model.compile(optimizer="Adam", loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


def kept(of: keras.Model, epoch: int = 2) -> Kept:
    weights = BestWeights(of, [], Costs())
    weights.take(epoch)
    assert weights.kept is not None
    return weights.kept


def trained(holds: int = 3, weights: Kept | None = None, *, as_good: bool = False) -> Trained:
    return Trained(
        EPOCHS,
        finished_early=False,
        stopped=False,
        holds=holds,
        best=best(EPOCHS, MONITOR),
        kept=weights,
        as_good=as_good,
    )


def evaluated(model: keras.Model, of: Trained, folder: Path) -> tuple[list[Model], list[tuple[str, str]]]:
    """Returns what is left, and the digests of what was evaluated, by file."""
    tested: list[tuple[str, str]] = []

    def evaluate(name: str) -> Mapping[str, float]:
        tested.append((name, digest(model)))
        return {"loss": float(len(tested))}

    return models.evaluated(model, of, folder=folder, stages=Stages(), evaluate=evaluate), tested


def test_both_are_evaluated_and_saved_where_another_epoch_was_better(tmp_path: Path) -> None:
    model = network()
    weights = kept(model)
    better = digest(model)
    model.set_weights([weight + 1 for weight in model.get_weights()])
    last = digest(model)
    left, tested = evaluated(model, trained(weights=weights), tmp_path)
    assert tested == [("model.keras", last), ("best.keras", better)]
    assert left == [
        Model("model.keras", 3, last, EPOCHS[2].metrics, {"loss": 1.0}),
        Model("best.keras", 2, better, EPOCHS[1].metrics, {"loss": 2.0}),
    ]
    assert [digest(keras.saving.load_model(tmp_path / one.name)) for one in left] == [last, better]

    results = Results(FolderBucket(tmp_path), "n/j/u", check=lambda: None)
    stored = models.store(left, model, results, tmp_path)
    assert [(one.name, one.epoch, one.test) for one in stored] == [
        ("model.keras", 3, None),
        ("best.keras", 2, {"loss": 2.0}),
    ]


@pytest.mark.parametrize("holds", [2, 3])
def test_one_is_left_where_its_weights_are_the_best(tmp_path: Path, holds: int) -> None:
    """As where EarlyStopping has restored them, or an epoch has changed nothing."""
    model = network()
    left, tested = evaluated(model, trained(holds, kept(model)), tmp_path)
    assert [(one.name, one.epoch) for one in left] == [("model.keras", 2)]
    assert len(tested) == 1


def test_one_is_left_where_its_epoch_is_as_good_as_the_best(tmp_path: Path) -> None:
    model = network()
    weights = kept(model)
    model.set_weights([weight + 1 for weight in model.get_weights()])
    left, tested = evaluated(model, trained(weights=weights, as_good=True), tmp_path)
    assert [(one.name, one.epoch) for one in left] == [("model.keras", 3)]
    assert tested == [("model.keras", digest(model))]


def test_one_is_left_where_no_weights_were_kept(tmp_path: Path) -> None:
    left, _ = evaluated(network(), trained(holds=1), tmp_path)
    assert [(one.name, one.epoch) for one in left] == [("model.keras", 1)]


def test_a_file_of_merged_weights_is_no_other_one(tmp_path: Path) -> None:
    """Keras stores the weights of LoRA as one with the kernel, and reads none of them back."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, lora_rank=2, name="adapted")])
    left, _ = evaluated(model, trained(), tmp_path)
    results = Results(FolderBucket(tmp_path), "n/j/u", check=lambda: None)
    assert [one.epoch for one in models.store(left, model, results, tmp_path)] == [3]


@pytest.mark.parametrize("lacks", [False, True])
def test_what_a_file_lacks_is_not_taken_for_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, lacks: bool
) -> None:
    model = network()
    left, _ = evaluated(model, trained(), tmp_path)
    if lacks:
        monkeypatch.setattr(keras.layers.Dense, "load_own_variables", lambda *_: None)
    results = Results(FolderBucket(tmp_path), "n/j/u", check=lambda: None)
    if not lacks:
        assert [one.epoch for one in models.store(left, model, results, tmp_path)] == [3]
        return
    with pytest.raises(RuntimeError, match=r"model.keras holds weights with the SHA-256 .* a fault of Epochal, or of"):
        models.store(left, model, results, tmp_path)


def left(name: str, epoch: int, test: dict[str, float] | None = None) -> Model:
    return Model(name, epoch, "", EPOCHS[epoch - 1].metrics, test)


BEST = [left("model.keras", 2)]
CONTINUED = [replace(EPOCHS[0], comparable=False), *EPOCHS[1:]]
BEFORE = Before(epoch=1, metric="val_loss", mode="Min", value=0.125, where="s3://results/old/")
BOTH = [left("model.keras", 3), left("best.keras", 2)]


@pytest.mark.parametrize(
    ("found", "fields", "said"),
    [
        (BEST, {}, "3 epochs trained; model.keras holds epoch 2, the best (val_loss 0.25)"),
        (
            BOTH,
            {},
            (
                "3 epochs trained; model.keras holds epoch 3 (val_loss 0.75); best.keras holds epoch 2, the best "
                "(val_loss 0.25)"
            ),
        ),
        (
            [left("model.keras", 3, {"loss": 0.5, "accuracy": 0.98765}), left("best.keras", 2, {"loss": 0.125})],
            {},
            (
                "3 epochs trained; model.keras holds epoch 3 (val_loss 0.75; on the test set loss 0.5, accuracy 0.9877)"
                "; best.keras holds epoch 2, the best (val_loss 0.25; on the test set loss 0.125)"
            ),
        ),
        (
            BOTH[:1],
            {"keeps_best": False},
            (
                "3 epochs trained; model.keras holds epoch 3 (val_loss 0.75); epoch 2 was better (val_loss 0.25), but "
                "is not there: spec.results.best is false"
            ),
        ),
        (
            BOTH[:1],
            {},
            (
                "3 epochs trained; model.keras holds epoch 3 (val_loss 0.75); epoch 2 was better (val_loss 0.25), but "
                "is not there: an earlier version of Epochal kept no weights of it"
            ),
        ),
        (
            BOTH[:1],
            {"as_good": True},
            "3 epochs trained; model.keras holds epoch 3, as good as epoch 2, the best (val_loss 0.75)",
        ),
        (
            BOTH,
            {"epochs": CONTINUED, "before": BEFORE},
            (
                "3 epochs trained; model.keras holds epoch 3 (val_loss 0.75); best.keras holds epoch 2, the best of "
                "epochs 2-3 (val_loss 0.25); epoch 1 of the training before (val_loss 0.125) was better: s3://results/old/"
            ),
        ),
        (
            BOTH[:1],
            {"epochs": [*CONTINUED[:1], replace(CONTINUED[1], comparable=False), CONTINUED[2]], "before": BEFORE}
            | {"best": BestEpoch(epoch=3, metric="val_loss", value=0.75)},
            (
                "3 epochs trained; model.keras holds epoch 3 (val_loss 0.75); epoch 1 of the training before (val_loss "
                "0.125) was better: s3://results/old/"
            ),
        ),
        (BOTH[:1], {"best": None}, "3 epochs trained; model.keras holds epoch 3 (val_loss 0.75)"),
        (
            [left("model.keras", 1)],
            {"epochs": EPOCHS[:1], "best": BestEpoch(epoch=1, metric="val_loss", value=0.5)},
            "1 epoch trained; model.keras holds epoch 1 (val_loss 0.5)",
        ),
        (
            BEST,
            {"finished_early": True},
            (
                "3 of 9 epochs trained, finished early on request (spec.finish); model.keras holds epoch 2, the best "
                "(val_loss 0.25)"
            ),
        ),
        (
            BEST,
            {"stopped": True},
            (
                "3 of 9 epochs trained, stopped there (spec.training.stopAfterEpoch); model.keras holds epoch 2, the "
                "best (val_loss 0.25)"
            ),
        ),
    ],
)
def test_a_sentence_says_which_model_holds_what(found: list[Model], fields: dict[str, Any], said: str) -> None:
    epochs, top = fields.get("epochs", EPOCHS), fields.get("best", best(EPOCHS, MONITOR))
    ends = {name: fields.get(name, False) for name in ("finished_early", "stopped")}
    more = {name: fields[name] for name in ("as_good", "before") if name in fields}
    of = Trained(epochs, **ends, holds=len(epochs), best=top, kept=None, **more)
    assert models.sentence(found, of, MONITOR, epochs=9, keeps_best=fields.get("keeps_best", True)) == said


def test_an_epoch_whose_weights_were_lost_is_told_of() -> None:
    epochs = [replace(epoch, comparable=epoch.number == 3) for epoch in EPOCHS]
    of = replace(trained(), epochs=epochs, best=best(epochs, MONITOR), lost=2)
    last = Model("model.keras", 3, "", epochs[2].metrics, None)
    assert models.sentence([last], of, MONITOR, epochs=3, keeps_best=True) == (
        "3 epochs trained; model.keras holds epoch 3 (val_loss 0.75); "
        "epoch 2 was better (val_loss 0.25), but its weights were lost"
    )
