"""Optimizer variables are matched by their weights, whichever other layers are frozen."""

from typing import Any

import keras
import numpy as np
import pytest
from epochal_trainer.checkpoint import optimizer_slots as slots
from epochal_trainer.checkpoint import variables
from epochal_trainer.checkpoint.optimizer_slots import Slot
from epochal_trainer.checkpoint.state import VariableState
from epochal_trainer.checkpoint.variables import MODEL, OPTIMIZER, VariablesDiffer
from epochal_trainer.data.arrays import Array

# Keras 3.15 under numpy 2.4: https://numpy.org/devdocs/numpy_2_0_migration_guide.html
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

LAYERS = ("dense_0", "dense_1", "dense_2")


def state(path: str, shape: tuple[int, ...] = (2,)) -> VariableState:
    return VariableState(path=path, shape=shape, dtype="float32")


@pytest.mark.parametrize(
    ("optimizer", "model", "found"),
    [
        (["adam/iteration", "adam/learning_rate"], ["dense/kernel"], [None, None]),
        (["adam/dense_kernel_momentum"], ["dense/kernel"], [Slot(0, "momentum")]),
        (["adam/dense_kernel_velocity_hat"], ["dense/bias", "dense/kernel"], [Slot(1, "velocity_hat")]),
        (["sgd/a_b_kernel_momentum"], ["a/b_kernel", "a/b"], [Slot(0, "momentum")]),
        (["loss_scale/adam/conv_1_kernel_velocity"], ["conv/kernel", "conv_1/kernel"], [Slot(1, "velocity")]),
        (["sgd/cell_kernel_momentum"] * 2, ["cell/kernel"] * 2, [Slot(0, "momentum"), Slot(1, "momentum")]),
        (["sgd/cell_kernel_momentum"], ["cell/kernel"] * 2, [None]),
        (["adafactor/kernel"], ["dense/kernel"], [None]),
    ],
)
def test_slots(optimizer: list[str], model: list[str], found: list[Slot | None]) -> None:
    assert slots.slots([state(path) for path in optimizer], [state(path) for path in model]) == found


def network(optimizer: str | keras.optimizers.Optimizer, *frozen: str) -> keras.Model:
    """Return a compiled network of layers of the same shape."""
    inputs = hidden = keras.Input((3,))
    for name in LAYERS:
        hidden = keras.layers.Dense(3, name=name, trainable=name not in frozen)(hidden)
    made = keras.Model(inputs, hidden)
    made.compile(optimizer=optimizer, loss="mse", run_eagerly=True)
    made.optimizer.build(made.trainable_variables)
    return made


def trained(optimizer: Any, *frozen: str) -> keras.Model:
    made = network(optimizer, *frozen)
    made.train_on_batch(np.random.default_rng(0).normal(size=(4, 3)), np.ones((4, 3)))
    return made


def transfer(stored: keras.Model, current: keras.Model) -> slots.Transfer:
    """Transfer weights and optimizer variables from one model to another."""
    groups = variables.groups(stored)
    arrays: dict[str, Array] = {}
    for group in (MODEL, OPTIMIZER):
        arrays.update(variables.values(groups[group], group))
    described = {group: variables.describe(groups[group]) for group in (MODEL, OPTIMIZER)}
    current_groups = variables.groups(current)
    variables.reorder(described[MODEL], current_groups[MODEL], MODEL, arrays)
    moved = slots.reorder(described, current_groups, arrays)
    for group in (MODEL, OPTIMIZER):
        variables.assign(current_groups[group], group, arrays)
    return moved


def variables_of(model: keras.Model, layer: str) -> list[Array]:
    return [np.array(variable) for variable in model.optimizer.variables if f"/{layer}_" in variable.path]


@pytest.mark.parametrize("optimizer", ["Adam", "RMSprop", "Nadam", "Lion", "Adagrad", "Ftrl", "Adafactor"])
def test_all_variables_of_the_same_layers_are_transferred(optimizer: str) -> None:
    stored, current = trained(optimizer), network(optimizer)
    moved = transfer(stored, current)
    assert (moved.unfrozen, moved.frozen) == ([], [])
    groups = (variables.groups(model)[OPTIMIZER] for model in (stored, current))
    for variable, counterpart in zip(*groups, strict=True):
        np.testing.assert_array_equal(np.array(variable), np.array(counterpart), err_msg=variable.path)


@pytest.mark.parametrize("optimizer", ["Adam", "RMSprop", "Nadam", "Adagrad"])
def test_variables_of_a_frozen_layer_are_dropped(optimizer: str) -> None:
    stored, current = trained(optimizer), network(optimizer, "dense_0")
    moved = transfer(stored, current)
    assert (moved.unfrozen, moved.frozen) == ([], ["dense_0"])
    for layer in LAYERS[1:]:
        np.testing.assert_equal(variables_of(current, layer), variables_of(stored, layer))
    assert variables_of(current, "dense_0") == []
    assert current.optimizer.iterations == 1
    current.train_on_batch(np.ones((2, 3)), np.ones((2, 3)))


@pytest.mark.parametrize(("optimizer", "initial"), [("Adam", 0.0), ("RMSprop", 0.0), ("Adagrad", 0.1)])
def test_variables_of_an_unfrozen_layer_are_initialized(optimizer: str, initial: float) -> None:
    stored, current = trained(optimizer, "dense_0", "dense_1"), network(optimizer, "dense_2")
    moved = transfer(stored, current)
    assert (moved.unfrozen, moved.frozen) == (["dense_0", "dense_1"], ["dense_2"])
    for layer in moved.unfrozen:
        assert len(variables_of(current, layer)) >= 2
        for variable in variables_of(current, layer):
            np.testing.assert_array_equal(variable, np.full_like(variable, initial))
    assert current.optimizer.iterations == 1


@pytest.mark.parametrize(
    ("optimizer", "arguments", "purpose"),
    [("SGD", {"use_ema": True}, "average"), ("ScheduleFreeAdamW", {}, "momentum")],
)
def test_variables_that_begin_as_the_weight_take_that_of_the_checkpoint(
    optimizer: str, arguments: dict[str, Any], purpose: str
) -> None:
    def fresh() -> keras.optimizers.Optimizer:
        return getattr(keras.optimizers, optimizer)(**arguments)

    stored, current = trained(fresh(), "dense_0"), network(fresh())
    transfer(stored, current)
    name = f"/dense_0_kernel_{purpose}"
    (moved,) = [np.array(variable) for variable in current.optimizer.variables if variable.path.endswith(name)]
    np.testing.assert_array_equal(moved, np.array(stored.get_layer("dense_0").kernel))
    np.testing.assert_array_equal(moved, np.array(current.get_layer("dense_0").kernel))


def test_the_error_names_layers_with_another_trainable() -> None:
    """Adafactor's variables are not named after the weights."""
    message = r"\(layers: dense_0 trainable in the checkpoint only; set their `trainable` as in the checkpoint"
    with pytest.raises(VariablesDiffer, match=message):
        transfer(trained("Adafactor"), network("Adafactor", "dense_0"))


@pytest.mark.parametrize("turned", [False, True])
def test_layers_trained_in_both_must_have_the_same_variables(*, turned: bool) -> None:
    plain, amsgrad = keras.optimizers.Adam(), keras.optimizers.Adam(amsgrad=True)
    stored, current = (amsgrad, plain) if turned else (plain, amsgrad)
    with pytest.raises(VariablesDiffer, match="dense_0_kernel_velocity_hat") as caught:
        transfer(trained(stored), network(current))
    assert "trainable" not in str(caught.value)
