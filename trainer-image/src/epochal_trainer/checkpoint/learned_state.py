"""The part of a checkpoint for state that layers learn from data by `adapt` but keep in no variable."""

from collections.abc import Mapping, Sequence

import keras

from epochal_trainer.checkpoint import variables
from epochal_trainer.checkpoint.state import VariableState
from epochal_trainer.checkpoint.variables import LEARNED, VariablesDiffer
from epochal_trainer.data.arrays import Array
from epochal_trainer.model import learned_state as layer_state


def values(model: keras.Model) -> dict[str, Array]:
    """Return the learned state of a model's layers, by LAYER/ARGUMENT. Values from the TrainingJob are not included."""
    return {f"{layer.name}/{name}": value for layer in model.layers for name, value in layer_state.read(layer).items()}


def describe(found: Mapping[str, Array]) -> list[VariableState]:
    """Return descriptions of the learned state, in the order of `found`."""
    return [VariableState(path=path, shape=value.shape, dtype=value.dtype.name) for path, value in found.items()]


def restore(
    model: keras.Model, stored: Sequence[VariableState], arrays: Mapping[str, Array], *, same_data: bool
) -> None:
    """Restore the learned state of a model's layers, since their weights were trained with it.

    Args:
        model: The model, adapted to its data.
        stored: The learned state that the checkpoint describes.
        arrays: The checkpoint's arrays.
        same_data: Whether the checkpoint was trained with the data of the model. Then a state that the checkpoint
            lacks, because the layer had it from the spec, is the same in the model.

    Raises:
        VariablesDiffer: If the checkpoint lacks a state, and the data differ.
        ValueError: If a layer rejects a state.
    """
    current = values(model)
    stored_indices = {key: index for index, key in enumerate(variables.keys(stored))}
    found: dict[str, Array] = {}
    for path, key in zip(current, variables.keys(describe(current)), strict=True):
        if key not in stored_indices:
            if same_data:
                continue
            advice = "use the layer's arguments of that training, or the same data"
            raise VariablesDiffer(f"the checkpoint lacks {path}, which was learned from other data: {advice}")
        found[path] = arrays[variables.array_name(LEARNED, stored_indices[key])]
    for layer in model.layers:
        state = {name: found[path] for name in layer_state.NAMES if (path := f"{layer.name}/{name}") in found}
        layer_state.assign(layer, state)
