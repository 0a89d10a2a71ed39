"""The part of a checkpoint for learned state: vocabularies and bin boundaries from `adapt`, which are no variables."""

from collections.abc import Mapping, Sequence

import keras

from epochal_trainer.checkpoint import variables
from epochal_trainer.checkpoint.state import VariableState
from epochal_trainer.checkpoint.variables import LEARNED, VariablesDiffer
from epochal_trainer.data.arrays import Array
from epochal_trainer.model import learned_layer_state


def values(model: keras.Model) -> dict[str, Array]:
    """Return the learned state of a model's layers by LAYER/ARGUMENT, such as text_vectorization/vocabulary.

    Values that the TrainingJob sets as arguments of a layer are not included.
    """
    return {
        f"{layer.name}/{name}": value
        for layer in model.layers
        for name, value in learned_layer_state.read(layer).items()
    }


def describe(found: Mapping[str, Array]) -> list[VariableState]:
    """Return path, shape and type of each array of learned state, in the order of `found`."""
    return [VariableState(path=path, shape=value.shape, dtype=value.dtype.name) for path, value in found.items()]


def restore(
    model: keras.Model, stored: Sequence[VariableState], arrays: Mapping[str, Array], *, same_data: bool
) -> None:
    """Replace the learned state of a model's layers by that of a checkpoint, with which the weights were trained.

    Args:
        model: The model, adapted to the data of this training.
        stored: Descriptions of the learned state in the checkpoint.
        arrays: The checkpoint's arrays.
        same_data: Whether the checkpoint's training had the same data. Then a layer keeps what this training learned
            if the checkpoint lacks its state.

    Raises:
        VariablesDiffer: If the checkpoint lacks the learned state of a layer, and the data differ.
        ValueError: If a layer rejects the learned state.
    """
    current = values(model)
    stored_indices = {key: index for index, key in enumerate(variables.keys(stored))}
    found: dict[str, Array] = {}
    for path, key in zip(current, variables.keys(describe(current)), strict=True):
        if key not in stored_indices:
            if same_data:
                continue
            advice = "set the layer's arguments as in the checkpoint's training, or use the same data"
            raise VariablesDiffer(f"the checkpoint lacks {path}, which was learned from other data: {advice}")
        found[path] = arrays[variables.array_name(LEARNED, stored_indices[key])]
    for layer in model.layers:
        state = {name: found[path] for name in learned_layer_state.NAMES if (path := f"{layer.name}/{name}") in found}
        learned_layer_state.assign(layer, state)
