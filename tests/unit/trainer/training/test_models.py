from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import pytest
from epochal_api.trainingjob.report import BestEpoch
from epochal_trainer.checkpoint import BestWeights, Costs, EarlierBest, EpochWeights, digest
from epochal_trainer.reporting.best import Monitor, find_best_epoch
from epochal_trainer.reporting.history import Epoch
from epochal_trainer.reporting.results import Results
from epochal_trainer.reporting.timings import Timings
from epochal_trainer.storage import FolderBucket
from epochal_trainer.training import models
from epochal_trainer.training.models import ModelFile, TrainingResult

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


def change_weights(model: keras.Model) -> None:
    model.set_weights([weight + 1 for weight in model.get_weights()])


def best_weights(model: keras.Model) -> EpochWeights:
    weights = BestWeights(model, [], Costs())
    weights.take(2)
    assert weights.kept is not None
    return weights.kept


def training_result(model_epoch: int = 3, **fields: Any) -> TrainingResult:
    result = TrainingResult(EPOCHS, False, False, model_epoch, find_best_epoch(EPOCHS, MONITOR), None)  # noqa: FBT003
    return replace(result, **fields)


def evaluate(model: keras.Model, result: TrainingResult, folder: Path) -> tuple[list[ModelFile], list[tuple[str, str]]]:
    """Returns the saved models, and the digests of the evaluated models, by file."""
    evaluated: list[tuple[str, str]] = []

    def test(name: str) -> Mapping[str, float]:
        evaluated.append((name, digest(model)))
        return {"loss": float(len(evaluated))}

    return models.evaluate_and_save_models(model, result, folder=folder, timings=Timings(), evaluate=test), evaluated


def store(saved: list[ModelFile], model: keras.Model, folder: Path) -> list[tuple[str, int, Any]]:
    results = Results(FolderBucket(folder), "n/j/u", check=lambda: None)
    return [(each.name, each.epoch, each.test) for each in models.store_models(saved, model, results, folder)]


def test_last_and_best_model(tmp_path: Path) -> None:
    model = network()
    weights = best_weights(model)
    best_digest = digest(model)
    change_weights(model)
    last_digest = digest(model)
    saved, evaluated = evaluate(model, training_result(best_weights=weights), tmp_path)
    assert evaluated == [("model.keras", last_digest), ("best.keras", best_digest)]
    assert saved == [
        ModelFile("model.keras", 3, last_digest, EPOCHS[2].metrics, {"loss": 1.0}),
        ModelFile("best.keras", 2, best_digest, EPOCHS[1].metrics, {"loss": 2.0}),
    ]
    assert [digest(keras.saving.load_model(tmp_path / each.name)) for each in saved] == [last_digest, best_digest]
    assert store(saved, model, tmp_path) == [("model.keras", 3, None), ("best.keras", 2, {"loss": 2.0})]


@pytest.mark.parametrize("model_epoch", [2, 3])
def test_one_model_if_it_holds_the_best_weights(tmp_path: Path, model_epoch: int) -> None:
    """As after EarlyStopping has restored them, or an epoch has changed nothing."""
    model = network()
    saved, evaluated = evaluate(model, training_result(model_epoch, best_weights=best_weights(model)), tmp_path)
    assert [(each.name, each.epoch) for each in saved] == [("model.keras", 2)]
    assert len(evaluated) == 1


def test_one_model_if_it_is_as_good_as_the_best(tmp_path: Path) -> None:
    model = network()
    weights = best_weights(model)
    change_weights(model)
    saved, evaluated = evaluate(model, training_result(best_weights=weights, is_tied=True), tmp_path)
    assert [(each.name, each.epoch) for each in saved] == [("model.keras", 3)]
    assert evaluated == [("model.keras", digest(model))]


def test_one_model_without_best_weights(tmp_path: Path) -> None:
    model = network()
    saved, _ = evaluate(model, training_result(1), tmp_path)
    assert [(each.name, each.epoch) for each in saved] == [("model.keras", 1)]
    assert store(saved, model, tmp_path) == [("model.keras", 1, None)]


def test_merged_lora_weights(tmp_path: Path) -> None:
    """Keras merges the weights of LoRA into the kernel when it saves them, and reads none of them back."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, lora_rank=2, name="adapted")])
    saved, _ = evaluate(model, training_result(), tmp_path)
    assert store(saved, model, tmp_path) == [("model.keras", 3, None)]


def test_missing_weights_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = network()
    saved, _ = evaluate(model, training_result(), tmp_path)
    monkeypatch.setattr(keras.layers.Dense, "load_own_variables", lambda *_: None)
    with pytest.raises(
        RuntimeError, match=r"model.keras holds weights with the SHA-256 .* a bug of Epochal or of Keras"
    ):
        store(saved, model, tmp_path)


def saved_model(name: str, epoch: int, test: dict[str, float] | None = None) -> ModelFile:
    return ModelFile(name, epoch, "", EPOCHS[epoch - 1].metrics, test)


BEST = [saved_model("model.keras", 2)]
CONTINUED = [replace(EPOCHS[0], eligible=False), *EPOCHS[1:]]
ONLY_LAST = [*(replace(epoch, eligible=False) for epoch in EPOCHS[:2]), EPOCHS[2]]
BEST_OF_LAST = BestEpoch(epoch=3, metric="val_loss", value=0.75)
EARLIER = EarlierBest(epoch=1, metric="val_loss", mode="Min", value=0.125, results_uri="s3://results/old/")
BOTH = [saved_model("model.keras", 3), saved_model("best.keras", 2)]
LAST = BOTH[:1]
TESTED = [saved_model("model.keras", 3, {"loss": 0.5, "accuracy": 0.98765})]
TRAINED = "3 epochs trained; "
LAST_HOLDS = TRAINED + "model.keras holds epoch 3 (val_loss 0.75)"
BEST_HOLDS = "holds epoch 2, the best (val_loss 0.25)"
EPOCH_2 = "; epoch 2 was better (val_loss 0.25), but "
EPOCH_1 = "; epoch 1 of the earlier training (val_loss 0.125) was better: s3://results/old/"
ON_TEST_SET = "model.keras holds epoch 3 (val_loss 0.75; on the test set loss 0.5, accuracy 0.9877)"
TIED = "model.keras holds epoch 3, as good as epoch 2, the best (val_loss 0.75)"
BEST_OF_2_3 = "; best.keras holds epoch 2, the best of epochs 2-3 (val_loss 0.25)"
EARLY, STOPPED = "finished early on request (spec.finish)", "stopped there (spec.training.stopAfterEpoch)"


@pytest.mark.parametrize(
    ("saved", "fields", "sentence"),
    [
        (BEST, {}, f"{TRAINED}model.keras {BEST_HOLDS}"),
        (BOTH, {}, f"{LAST_HOLDS}; best.keras {BEST_HOLDS}"),
        ([*TESTED, BOTH[1]], {}, f"{TRAINED}{ON_TEST_SET}; best.keras {BEST_HOLDS}"),
        (LAST, {"keeps_best": False}, f"{LAST_HOLDS}{EPOCH_2}is not stored: spec.results.best is false"),
        (LAST, {}, f"{LAST_HOLDS}{EPOCH_2}is not stored: an earlier version of Epochal kept no weights of this epoch"),
        (LAST, {"is_tied": True}, f"{TRAINED}{TIED}"),
        (BOTH, {"epochs": CONTINUED, "earlier_best": EARLIER}, f"{LAST_HOLDS}{BEST_OF_2_3}{EPOCH_1}"),
        (LAST, {"epochs": ONLY_LAST, "earlier_best": EARLIER, "best_epoch": BEST_OF_LAST}, f"{LAST_HOLDS}{EPOCH_1}"),
        (LAST, {"best_epoch": None}, LAST_HOLDS),
        (
            [saved_model("model.keras", 1)],
            {"epochs": EPOCHS[:1], "best_epoch": BestEpoch(epoch=1, metric="val_loss", value=0.5)},
            "1 epoch trained; model.keras holds epoch 1 (val_loss 0.5)",
        ),
        (BEST, {"finished_early": True}, f"3 of 9 epochs trained, {EARLY}; model.keras {BEST_HOLDS}"),
        (BEST, {"stopped": True}, f"3 of 9 epochs trained, {STOPPED}; model.keras {BEST_HOLDS}"),
        (
            LAST,
            {"epochs": ONLY_LAST, "best_epoch": BEST_OF_LAST, "better_lost_epoch": 2},
            f"{LAST_HOLDS}{EPOCH_2}its weights were lost",
        ),
    ],
)
def test_summary_sentence(saved: list[ModelFile], fields: dict[str, Any], sentence: str) -> None:
    keeps_best = fields.get("keeps_best", True)
    result = training_result(**{name: value for name, value in fields.items() if name != "keeps_best"})
    assert models.summary_sentence(saved, result, MONITOR, epochs=9, keeps_best=keeps_best) == sentence
