"""Reads and sets state that a layer learns by `adapt` but has in no variable: vocabularies and bin boundaries."""

import json
from collections.abc import Mapping

import keras
import numpy as np

from epochal_trainer.data.arrays import Array

_BOUNDARIES = "bin_boundaries"
_VOCABULARY = "vocabulary"
_WEIGHTS = "idf_weights"
NAMES = (_BOUNDARIES, _VOCABULARY, _WEIGHTS)
"""The names of the parts of the state that layers learn by `adapt` but have in no variable."""


def read(layer: keras.layers.Layer) -> dict[str, Array]:
    """Return the parts of the state that a layer has learned by `adapt` and has in no variable, by name (NAMES)."""
    return _read(layer, learned_names(layer))


def assign(layer: keras.layers.Layer, state: Mapping[str, Array]) -> None:
    """Set the learned state of a layer (vocabulary, IDF weights or bin boundaries) to the values in `state`."""
    if (boundaries := state.get(_BOUNDARIES)) is not None:
        layer.bin_boundaries = boundaries.tolist()
    if (vocabulary := state.get(_VOCABULARY)) is not None:
        is_text = not isinstance(layer, keras.layers.IntegerLookup)
        terms = json.loads(vocabulary.tobytes()) if is_text else vocabulary
        layer.set_vocabulary(terms, state.get(_WEIGHTS))


def copy(source: keras.layers.Layer, target: keras.layers.Layer) -> bool:
    """Copy the parts of the state that `target` learns by `adapt` from `source`, a layer of the same class.

    The parts are those of `learned_names(target)`. The source may have learned them, or have them from its arguments.
    Return False, and copy nothing, if the source lacks a part, so that `target` still needs `adapt`. Return True if
    there are no parts to copy.
    """
    if not _has(source, names := learned_names(target)):
        return False
    assign(target, _read(source, names))
    return True


def learned_names(layer: keras.layers.Layer) -> set[str]:
    """Return the names, of NAMES, of the parts of the state that a layer learns by `adapt` and has in no variable.

    Parts that the layer's arguments set are not included. Nor are variables, such as the mean of a Normalization.
    """
    if isinstance(layer, keras.layers.Discretization) and layer.num_bins is not None:
        return {_BOUNDARIES}
    lookup = _lookup_of(layer)
    if isinstance(lookup, keras.layers.IntegerLookup | keras.layers.StringLookup) and lookup.input_vocabulary is None:
        return {_VOCABULARY, _WEIGHTS} if lookup.output_mode == "tf_idf" else {_VOCABULARY}
    return set()


def _has(layer: keras.layers.Layer, names: set[str]) -> bool:
    if _BOUNDARIES in names and layer.bin_boundaries is None:
        return False
    if _VOCABULARY in names and not layer.get_vocabulary(include_special_tokens=False):
        return False
    return _WEIGHTS not in names or _lookup_of(layer).output_mode == "tf_idf"


def _read(layer: keras.layers.Layer, names: set[str]) -> dict[str, Array]:
    state = {}
    if _BOUNDARIES in names:
        state[_BOUNDARIES] = np.array(layer.bin_boundaries, "float64")
    if _VOCABULARY in names:
        terms = layer.get_vocabulary()
        if isinstance(layer, keras.layers.IntegerLookup):
            state[_VOCABULARY] = np.array(terms, "int64")
        else:  # a checkpoint holds arrays of numbers only
            state[_VOCABULARY] = np.frombuffer(json.dumps([str(term) for term in terms]).encode(), "uint8")
        if _WEIGHTS in names:
            state[_WEIGHTS] = _lookup_of(layer).idf_weights_const.numpy()[: len(terms)]  # without the padding
    return state


def _lookup_of(layer: keras.layers.Layer) -> keras.layers.Layer:
    # TextVectorization looks up its words in a StringLookup of its own.
    return layer._lookup_layer if isinstance(layer, keras.layers.TextVectorization) else layer  # noqa: SLF001
