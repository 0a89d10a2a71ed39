from typing import Any

import keras
import numpy as np
import pytest
from epochal_trainer.checkpoint import ValidationBackup, random_state, variables

# Keras 3.15 under numpy 2.4: https://numpy.org/devdocs/numpy_2_0_migration_guide.html
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

UNITS = 300


class Counting(keras.layers.Layer):  # type: ignore[misc]
    """Counts its calls in a weight, also those of a validation."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, inputs: Any) -> Any:
        self.calls.assign_add(1.0)
        return inputs

    def compute_output_spec(self, inputs: Any) -> Any:
        return keras.KerasTensor(inputs.shape, inputs.dtype)  # without a call in the graph of a trace


def trained(*layers: Any, frozen: bool = False) -> keras.Model:
    large = keras.layers.Dense(UNITS, trainable=not frozen)
    model = keras.Sequential([keras.Input((UNITS,)), large, *layers, keras.layers.Dropout(0.5), keras.layers.Dense(1)])
    optimizer = keras.optimizers.Adam(use_ema=True)
    model.compile(optimizer=optimizer, loss="mse", metrics=["mae"], run_eagerly=True)
    model.train_on_batch(np.ones((2, UNITS)), np.ones((2, 1)))
    return model


def state(model: keras.Model) -> list[np.ndarray[Any, Any]]:
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for group, members in variables.groups(model).items():
        arrays |= variables.values(members, group)
    random_state.state(arrays)
    return list(arrays.values())


def same(first: list[np.ndarray[Any, Any]], second: list[np.ndarray[Any, Any]]) -> bool:
    return all(np.array_equal(array, other) for array, other in zip(first, second, strict=True))


@pytest.mark.parametrize("callback", ["EarlyStopping", "SwapEMAWeights"])
def test_the_state_before_validation_is_restored(callback: str) -> None:
    model, user = trained(), getattr(keras.callbacks, callback)()
    user.set_model(model)
    before = state(model)
    backup = ValidationBackup(model, [user])
    user.on_test_begin()
    model.evaluate(np.zeros((2, UNITS)), np.ones((2, 1)), verbose=0)
    model(np.ones((2, UNITS)), training=True)
    np.random.random()  # noqa: NPY002
    assert not same(state(model), before)
    backup.restore()
    assert same(state(model), before)
    assert not getattr(user, "_ema_weights_in_model", False)


def test_a_weight_that_validation_changes_is_restored() -> None:
    counting = Counting()
    model = trained(counting)
    before = float(counting.calls)
    backup = ValidationBackup(model, [])
    model.evaluate(np.zeros((2, UNITS)), np.ones((2, 1)), verbose=0)
    assert float(counting.calls) > before
    backup.restore()
    assert float(counting.calls) == before


@pytest.mark.parametrize("frozen", [False, True])
def test_weights_are_copied_only_for_swap_ema_weights(*, frozen: bool) -> None:
    model = trained(frozen=frozen)
    weights = 4 * model.count_params()
    stopping = keras.callbacks.EarlyStopping(restore_best_weights=True)
    stopping.best_weights = model.get_weights()
    assert ValidationBackup(model, [stopping]).size < weights / 50
    assert ValidationBackup(model, [keras.callbacks.SwapEMAWeights()]).size > weights
