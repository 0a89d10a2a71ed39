"""A model as it is served: in float32, whatever it was trained in."""

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
from epochal_trainer.export.loading import load
from keras import layers

# Keras 3.15 under numpy 2.4: https://numpy.org/devdocs/numpy_2_0_migration_guide.html
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.fixture(autouse=True)
def in_float32() -> Iterator[None]:
    yield
    keras.config.set_dtype_policy("float32")


def stored(folder: Path, policy: str, **last: str) -> Path:
    keras.config.set_dtype_policy(policy)
    start = keras.Input((4,), name="input")
    hidden = layers.Dense(3, activation="relu", name="hidden")(layers.Normalization(mean=1.0, variance=2.0)(start))
    keras.Model(start, layers.Dense(2, name="last", **last)(hidden)).save(folder / "model.keras")
    keras.config.set_dtype_policy("float32")
    return folder / "model.keras"


def test_a_float32_model_is_loaded_once(tmp_path: Path) -> None:
    loaded = load(stored(tmp_path, "float32"), tmp_path)
    assert loaded.served is loaded.trained
    assert loaded.precision == "float32"
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]


@pytest.mark.parametrize(
    ("policy", "precision", "tolerance"),
    [
        ("mixed_float16", "float16", 1e-2),
        ("mixed_bfloat16", "bfloat16", 5e-2),
        ("float16", "float16", 1e-2),
        ("bfloat16", "bfloat16", 5e-2),
        ("float64", "float64", 1e-5),
    ],
)
def test_other_types_are_served_in_float32(tmp_path: Path, policy: str, precision: str, tolerance: float) -> None:
    loaded = load(stored(tmp_path, policy), tmp_path)
    assert loaded.precision == precision
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]
    assert {layer.dtype_policy.name for layer in loaded.served.layers} == {"float32"}
    assert {weight.dtype for weight in loaded.served.weights} <= {"float32", "int32"}
    samples = np.random.default_rng(0).random((5, 4), np.float32)
    expected, found = (model(samples, training=False) for model in (loaded.trained, loaded.served))
    assert str(found.dtype.name) == "float32"
    assert np.abs(np.asarray(keras.ops.cast(expected, "float32")) - np.asarray(found)).max() < tolerance


def test_a_single_layer_determines_the_precision(tmp_path: Path) -> None:
    loaded = load(stored(tmp_path, "float32", dtype="float16"), tmp_path)
    assert loaded.precision == "float16"
    assert loaded.served.get_layer("last").compute_dtype == "float32"


def test_the_coarsest_type_determines_the_precision(tmp_path: Path) -> None:
    assert load(stored(tmp_path, "mixed_bfloat16", dtype="float64"), tmp_path).precision == "bfloat16"
