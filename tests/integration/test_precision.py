"""Trainings in mixed precision: they learn, go on from checkpoints bit for bit, and leave a model for plain Keras."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from epochal_trainer.checkpoint import Position, Store
from epochal_trainer.data.samples import Samples
from epochal_trainer.lib.failures import Failure
from epochal_trainer.storage import FolderBucket
from epochal_trainer.training import fit as keras_fit

from .test_resume import CALLBACKS, STEPS, assert_same, run
from .test_train import fit, samples

SMALL = ["mixed_bfloat16", "mixed_float16"]
HASTY = {"name": "LossScaleOptimizer", "inner_optimizer": {"name": "Adam"}, "dynamic_growth_steps": 3}
FAR = {"name": "LossScaleOptimizer", "inner_optimizer": {"name": "Adam"}, "initial_scale": 2.0**120}
EMA = {"name": "Adam", "use_ema": True}
MIDDLE = Position(epoch=0, step=2, begun=True)


@pytest.mark.parametrize("precision", SMALL)
def test_a_network_in_mixed_precision_learns(precision: str) -> None:
    data = samples(400)
    model, history, _ = fit(
        epochs=30,
        metrics=["accuracy"],
        data=data,
        optimizer={"name": "Adam", "learning_rate": 0.01},
        precision=precision,
    )
    assert model.layers[1].compute_dtype == precision.removeprefix("mixed_")
    assert history[-1].learning_rate == pytest.approx(0.01)
    assert history[-1].metrics["loss"] < 0.5 * history[0].metrics["loss"]
    assert keras_fit.evaluate(model, data, batch_size=32, on_step=lambda: None)["accuracy"] > 0.9


LOADED = """
import sys, keras, numpy as np
model = keras.saving.load_model(sys.argv[1])
given = np.load(sys.argv[2])
np.testing.assert_array_equal(model.predict(given["x"], verbose=0), given["y"])
print(type(model.optimizer).__name__, int(model.optimizer.iterations), model.layers[1].dtype_policy.name)
model.fit(given["x"], np.zeros(len(given["x"])), verbose=0)
"""


@pytest.mark.parametrize(
    ("precision", "optimizer"), [("mixed_bfloat16", "Adam"), ("mixed_float16", "LossScaleOptimizer")]
)
def test_plain_keras_loads_the_model_and_trains_it_further(precision: str, optimizer: str, tmp_path: Path) -> None:
    data = samples(20)
    model, _, _ = fit(data=data, precision=precision, callbacks=[{"callback": "SwapEMAWeights"}], optimizer=EMA)
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "given.npz", x=data.features, y=model.predict(data.features, verbose=0))
    files = [str(tmp_path / name) for name in ("model.keras", "given.npz")]
    loaded = subprocess.run(
        [sys.executable, "-c", LOADED, *files], check=False, capture_output=True, text=True, timeout=120
    )
    assert loaded.returncode == 0, loaded.stderr
    assert loaded.stdout.split() == [optimizer, "3", precision]


@pytest.mark.parametrize(
    ("fields", "positions"),
    [
        ({"precision": "mixed_bfloat16"}, [MIDDLE]),
        ({"precision": "mixed_float16", "optimizer": HASTY}, [MIDDLE, Position(epoch=0, step=STEPS, begun=True)]),
        ({"precision": "mixed_float16", "optimizer": FAR}, [MIDDLE]),
        (
            {
                "precision": "mixed_float16",
                "optimizer": EMA,
                "callbacks": [{"callback": "SwapEMAWeights"}, *CALLBACKS[2:]],
            },
            [MIDDLE, Position(epoch=1)],
        ),
    ],
    ids=["mixed_bfloat16", "mixed_float16 with a growing scale", "a shrinking scale", "averaged weights"],
)
def test_a_resumed_training_has_the_same_weights_bit_for_bit(
    fields: dict[str, Any], positions: list[Position], tmp_path: Path
) -> None:
    whole = run(tmp_path / "whole", epochs=2, **fields)
    store = Store(FolderBucket(tmp_path), "job", tmp_path / "scratch")
    for position in positions:
        store.write(whole.at(position))
        resumed = tmp_path / f"{position.epoch}-{position.step}"
        assert_same(run(resumed, epochs=2, start=store.newest(), **fields), whole)


def test_steps_with_overflowing_gradients_are_skipped() -> None:
    model, history, _ = fit(precision="mixed_float16", optimizer=FAR, epochs=2)
    steps = 2 * 4
    assert int(model.optimizer.iterations) < steps
    assert float(model.optimizer.dynamic_scale) == 2.0 ** (120 - (steps - int(model.optimizer.iterations)))
    assert all(np.isfinite(epoch.metrics["loss"]) for epoch in history)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_an_operation_without_a_small_type_is_reported() -> None:
    held = {"layer": "Dense", "units": 3, "activity_regularizer": "l2"}
    last = {"layer": "Dense", "units": 3, "activation": "softmax"}
    hint = "spec.training.precision is mixed_bfloat16: .* dtype: float32"
    with pytest.raises(Failure, match=rf"step 1 of 4 of epoch 1: .*bfloat16.*{hint}") as caught:
        fit(layers=[held, last], precision="mixed_bfloat16")
    assert (caught.value.reason, caught.value.exit_code) == ("InvalidTraining", 64)
    assert len(fit(layers=[{**held, "dtype": "float32"}, last], precision="mixed_bfloat16")[1]) == 3


def test_values_too_large_for_float16_are_reported() -> None:
    large = Samples.single(1e6 * samples().features, samples().labels, "features", "labels")
    with pytest.raises(Failure, match=r"mixed_bfloat16 as spec.training.precision, .* 65,504") as caught:
        fit(data=large, precision="mixed_float16")
    assert caught.value.reason == "NonFiniteLoss"
    assert len(fit(data=large, precision="mixed_bfloat16")[1]) == 3
