"""Every layer of Keras that needs no code works, with the arguments that Keras documents."""

import inspect
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.trainingjob.network import Network
from epochal_trainer.checkpoint import digest
from epochal_trainer.lib.failures import Failure
from epochal_trainer.model import keras_objects, network
from epochal_trainer.training import models

# Keras 3.15 under numpy 2.4: https://numpy.org/devdocs/numpy_2_0_migration_guide.html
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

GIB = 1 << 30
ROW, SIGNAL, IMAGE, VOLUME = [6], [12, 4], [8, 8, 3], [6, 6, 6, 2]
BY_RANK = {"1D": SIGNAL, "2D": IMAGE, "3D": VOLUME}
OF_IMAGES = ("AugMix", "AutoContrast", "CenterCrop", "Contrast", "Equalization", "Rand", "Resizing", "Solarization")
TWICE = {"inputs": ["input", "input"]}

SHAPES: dict[str, list[int]] = {
    **dict.fromkeys(("Activation", "CategoryEncoding", "Discretization", "Dot", "Embedding", "Hashing"), ROW),
    **dict.fromkeys(("IntegerLookup", "RepeatVector", "ReversibleEmbedding", "SpectralNormalization"), ROW),
    "ConvLSTM1D": [3, 8, 3],
    "ConvLSTM2D": [3, 8, 8, 3],
    "ConvLSTM3D": [3, 6, 6, 6, 2],
    "HashedCrossing": [1],
    "MelSpectrogram": [512],
    "STFTSpectrogram": [512, 1],
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "Activation": {"activation": "gelu"},
    "AdditiveAttention": TWICE,
    "Attention": TWICE,
    "Bidirectional": {"wrapped": {"layer": "LSTM", "units": 3}},
    "CategoryEncoding": {"num_tokens": 10, "output_mode": "multi_hot"},
    "CenterCrop": {"height": 4, "width": 4},
    "Discretization": {"bin_boundaries": [0.0, 0.5]},
    "Dot": {"axes": 1, **TWICE},
    "EinsumDense": {"equation": "abc,cd->abd", "output_shape": [12, 5]},
    "Embedding": {"input_dim": 10, "output_dim": 4},
    "GroupNormalization": {"groups": 2},
    "GroupQueryAttention": {"head_dim": 4, "num_query_heads": 4, "num_key_value_heads": 2, **TWICE},
    "HashedCrossing": {"num_bins": 4, **TWICE},
    "Hashing": {"num_bins": 4},
    "IntegerLookup": {"vocabulary": [1, 2, 3]},
    "MelSpectrogram": {"fft_length": 128, "num_mel_bins": 8},
    "MultiHeadAttention": {"num_heads": 2, "key_dim": 4, **TWICE},
    "Normalization": {"mean": 1.0, "variance": 2.0},
    "Permute": {"dims": [2, 1]},
    "Pipeline": {"layers": [{"layer": "ReLU"}, {"layer": "Rescaling", "scale": 2.0}]},
    "RNN": {"cell": {"layer": "StackedRNNCells", "cells": [{"layer": "GRUCell", "units": 3}]}},
    "RandomCrop": {"height": 8, "width": 8},
    "RandomPosterization": {"factor": 4},
    "RepeatVector": {"n": 2},
    "Rescaling": {"scale": 0.5},
    "Reshape": {"target_shape": [4, 12]},
    "Resizing": {"height": 4, "width": 4},
    "ReversibleEmbedding": {"input_dim": 10, "output_dim": 4},
    "STFTSpectrogram": {"frame_length": 64, "frame_step": 32, "fft_length": 64},
    "SpectralNormalization": {"wrapped": {"layer": "Dense", "units": 3}},
    "TimeDistributed": {"wrapped": {"layer": "Dense", "units": 3}},
    **dict.fromkeys(("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"), TWICE),
}
USUAL = {
    "units": 4,
    "filters": 4,
    "kernel_size": 3,
    "pool_size": 2,
    "output_size": 2,
    "rate": 0.5,
    "stddev": 0.1,
    "factor": 0.2,
    "height_factor": 0.2,
    "width_factor": 0.2,
}
CELLS = {"GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"}
"""Called by RNN, never by a network."""
OF_TEXT = {"StringLookup", "TextVectorization"}
"""Take text, which no data set holds."""
REFUSED = set(keras_objects._REFUSED) & set(vars(keras.layers))


def names() -> list[str]:
    classes = {name for name, kind in vars(keras.layers).items() if inspect.isclass(kind) and name[0].isupper()}
    return sorted(classes - REFUSED - CELLS - OF_TEXT)


def shape_of(name: str) -> list[int]:
    if name in SHAPES:
        return SHAPES[name]
    if name.startswith(OF_IMAGES):
        return IMAGE
    return next((shape for rank, shape in BY_RANK.items() if rank in name), SIGNAL)


def arguments_of(name: str) -> dict[str, Any]:
    parameters = inspect.signature(getattr(keras.layers, name)).parameters
    return ARGUMENTS.get(name) or {key: value for key, value in USUAL.items() if key in parameters}


def build(shape: list[int], *layers: dict[str, Any], dtype: str = "float32") -> keras.Model:
    described = Network.model_validate({"input": {"shape": shape, "dtype": dtype}, "layers": list(layers)})
    return network.build(described, seed=1, memory=GIB)


@pytest.mark.filterwarnings("ignore:Layer 'flatten_1' .* was passed an input with a mask:UserWarning")
@pytest.mark.parametrize("name", names())
def test_every_layer_works(name: str, tmp_path: Path) -> None:
    dtype = "int32" if name == "HashedCrossing" else "float32"
    layers = [{"layer": name, **arguments_of(name)}, {"layer": "Flatten"}, {"layer": "Dense", "units": 2}]
    model = build(shape_of(name), *layers, dtype=dtype)
    batch = np.random.default_rng(0).random((2, *model.input.shape[1:])).astype(dtype)
    assert model(batch, training=True).shape == (2, 2)
    before = model.get_weights()
    model(batch, training=False)
    for weight, value in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, value, "validation must leave weights alone: it keeps no copy of them")
    evaluated = digest(model)
    model.save(tmp_path / "model.keras")
    assert models.digest_of(tmp_path / "model.keras", model) == evaluated, "a file must hold all that was evaluated"


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_layers_that_need_code_or_do_nothing_are_refused(name: str) -> None:
    with pytest.raises(Failure, match=f"{name} cannot be used here: ") as caught:
        build([2], {"layer": name})
    assert caught.value.reason == "InvalidNetwork"


@pytest.mark.parametrize("name", sorted(CELLS))
def test_cells_are_refused_outside_of_rnn(name: str) -> None:
    arguments = {"cells": [{"layer": "GRUCell", "units": 3}]} if name == "StackedRNNCells" else {"units": 3}
    with pytest.raises(Failure, match=rf"layers\[0\] \({name}, .*it takes 2 inputs, .* and states") as caught:
        build([2], {"layer": name, **arguments})
    assert caught.value.reason == "InvalidNetwork"
