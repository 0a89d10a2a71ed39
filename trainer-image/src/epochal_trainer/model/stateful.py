"""Recurrent layers with `stateful`: they keep their states from batch to batch, so all batches must have one size."""

from collections.abc import Mapping
from typing import Any

import keras

from epochal_trainer.lib.failures import bad_data, bad_spec


def stateful_layers(model: keras.Model) -> list[Any]:
    """Return the built recurrent layers of a model with `stateful`, also those inside wrappers and nested models."""
    layers = model._flatten_layers(include_self=False)  # noqa: SLF001 - also finds layers inside wrappers
    return [layer for layer in layers if isinstance(layer, keras.layers.RNN) and layer.stateful and layer.states]


def recurrent_states(model: keras.Model) -> list[Any]:
    """Return the variables with the states of the stateful layers of a model."""
    states = [state for layer in stateful_layers(model) for state in keras.tree.flatten(layer.states)]
    # A class of spec.code may keep other values there.
    return [state for state in states if isinstance(state, keras.Variable)]


def check_batch_size(model: keras.Model, batch_size: int) -> None:
    """Check that spec.training.batchSize is the batch size of a model with stateful layers, if the model has any.

    Raises:
        Failure: InvalidTraining.
    """
    if (layer := _first(model)) is None or (size := _fixed_batch(model)) in (None, batch_size):
        return
    raise bad_spec(
        "InvalidTraining",
        f"spec.training.batchSize: found {batch_size}, but the layer {layer!r} has stateful: true, and the input of "
        f"the model has a fixed batch of {size} samples: write batchSize: {size}",
    )


def check_whole_batches(model: keras.Model, samples: Mapping[str, int]) -> None:
    """Check that each data set has only whole batches, if a model has stateful layers.

    Args:
        model: The model.
        samples: The number of samples of each data set whose last batch is reached, by the name of the set.

    Raises:
        Failure: InvalidData, with each data set whose last batch would be smaller.
    """
    if (layer := _first(model)) is None or (size := _fixed_batch(model)) is None:
        return
    found = ", ".join(f"{count:,} {name} samples" for name, count in samples.items() if count % size)
    if found:
        raise bad_data(
            "InvalidData",
            f"the layer {layer!r} has stateful: true, so each data set must have a multiple of {size} samples, the "
            f"fixed batch of the model; found {found}: remove the rest from the data, or use a batch size that divides "
            "the numbers, in batch_shape of the model and in spec.training.batchSize",
        )


def _first(model: keras.Model) -> str | None:
    """Return the name of the first stateful layer of a model, or None if it has none."""
    return next((layer.name for layer in stateful_layers(model)), None)


def _fixed_batch(model: keras.Model) -> int | None:
    """Return the size of the first axis of a model's inputs, or None if it is not fixed."""
    return next((tensor.shape[0] for tensor in model.inputs if tensor.shape[0] is not None), None)
