"""State that layers learn from data by `adapt` but keep in no variable: vocabularies and bin boundaries."""

from collections.abc import Iterator, Mapping, Sequence

import keras
import numpy as np

from epochal_trainer.checkpoint import variables
from epochal_trainer.checkpoint.state import VariableState
from epochal_trainer.checkpoint.variables import LEARNED, Different
from epochal_trainer.data.samples import Array

_BOUNDARIES = "bin_boundaries"
_VOCABULARY = "vocabulary"
_WEIGHTS = "idf_weights"


def values(model: keras.Model) -> dict[str, Array]:
    """Return the learned state of a model's layers, by LAYER/ARGUMENT. Values from the TrainingJob are not included."""
    return {f"{layer.name}/{name}": value for layer in model.layers for name, value in _of(layer)}


def describe(found: Mapping[str, Array]) -> list[VariableState]:
    """Return descriptions of the learned state, in the order of `found`."""
    return [VariableState(path=path, shape=value.shape, dtype=value.dtype.name) for path, value in found.items()]


def restore(
    model: keras.Model, there: Sequence[VariableState], arrays: Mapping[str, Array], *, same_data: bool
) -> None:
    """Restore the learned state of a model's layers, since their weights were trained with it.

    Args:
        model: The model, adapted to its data.
        there: The learned state that the checkpoint describes.
        arrays: The checkpoint's arrays.
        same_data: Whether the checkpoint was trained with the data of the model. A layer that had its state from the
            spec there has learned the same state here.

    Raises:
        Different: If the checkpoint lacks a state, and the data differ.
        ValueError: If a layer rejects a state.
    """
    here = values(model)
    places = {key: index for index, key in enumerate(variables.keys(there))}
    found: dict[str, Array] = {}
    for path, key in zip(here, variables.keys(describe(here)), strict=True):
        if key not in places:
            if same_data:
                continue
            advice = "give the layer what it had there, or the same data"
            raise Different(f"there nothing, here {path}, learned from other data: {advice}")
        found[path] = arrays[variables.name(LEARNED, places[key])]
    for layer in model.layers:
        if (boundaries := found.get(f"{layer.name}/{_BOUNDARIES}")) is not None:
            layer.bin_boundaries = boundaries.tolist()
        if (vocabulary := found.get(f"{layer.name}/{_VOCABULARY}")) is not None:
            layer.set_vocabulary(vocabulary, found.get(f"{layer.name}/{_WEIGHTS}"))


def _of(layer: keras.layers.Layer) -> Iterator[tuple[str, Array]]:
    if isinstance(layer, keras.layers.Discretization) and layer.num_bins is not None:
        yield _BOUNDARIES, np.array(layer.bin_boundaries, "float64")
    if isinstance(layer, keras.layers.IntegerLookup) and layer.input_vocabulary is None:
        vocabulary = np.array(layer.get_vocabulary(), "int64")
        yield _VOCABULARY, vocabulary
        if layer.output_mode == "tf_idf":
            yield _WEIGHTS, layer.idf_weights_const.numpy()[: vocabulary.size]  # without the padding
