"""Saved models that are trained further: loaded in safe mode, within the memory, with frozen layers."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from epochal_api.trainingjob.network_source import SavedModel
from epochal_api.trainingjob.training import Training
from epochal_trainer.export.tensors import outputs_of
from epochal_trainer.model import saved_model
from epochal_trainer.model.footprint import FreeMemory
from epochal_trainer.model.plain_model import plain_model

from tests.unit.trainer.expect import expect_failure

TRAINING = Training.model_validate({"loss": "mse"})
URI = "s3://models/base.keras"


def load(path: Path, *, memory: int = 1 << 30, **fields: Any) -> keras.Model:
    return saved_model.load(
        SavedModel(uri=URI, **fields), path, seed=3, memory=FreeMemory(memory), training=TRAINING, keeps_best=False
    )


@pytest.fixture
def model(tmp_path: Path) -> keras.Model:
    """A model with a layer within another, saved as base.keras."""
    image = keras.Input((4,), name="image")
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="conv1")], name="base")
    hidden = keras.layers.BatchNormalization(name="norm")(inner(image))
    outputs = {"digit": keras.layers.Dense(2, name="digit")(hidden), "odd": keras.layers.Dense(1, name="odd")(hidden)}
    made = keras.Model({"image": image}, outputs)
    made.compile("adam", {"digit": "mse", "odd": "mse"})
    made.save(tmp_path / "base.keras")
    return made


def test_a_model_is_loaded_with_frozen_layers(model: keras.Model, tmp_path: Path) -> None:
    loaded = load(tmp_path / "base.keras", freeze=["conv*", "norm"])
    for one, other in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert [weight.path for weight in loaded.trainable_weights] == [
        *("digit/kernel", "digit/bias", "odd/kernel", "odd/bias"),
    ]
    assert not loaded.compiled
    assert loaded.output_names == ["digit", "odd"]
    assert [tuple(output.shape) for output in loaded(np.zeros((5, 4)))] == [(5, 2), (5, 1)]


def test_layers_with_the_same_name_are_all_frozen(tmp_path: Path) -> None:
    image = keras.Input((4,), name="image")

    def branch(name: str) -> Any:
        layers = [keras.Input((4,)), keras.layers.Dense(3, name="conv1"), keras.layers.Dense(3, name="head")]
        return keras.Sequential(layers, name=name)(image)

    keras.Model(image, keras.layers.Add()([branch("left"), branch("right")])).save(tmp_path / "base.keras")
    loaded = load(tmp_path / "base.keras", freeze=["conv*"])
    assert len(loaded.weights) == 8
    assert [weight.path for weight in loaded.trainable_weights] == ["head/kernel", "head/bias"] * 2


@pytest.mark.usefixtures("model")
def test_a_pattern_without_a_layer(tmp_path: Path) -> None:
    names = "no layer has the name 'dence.*', the model has base, conv1, norm, digit, odd"
    with expect_failure("InvalidNetwork", rf"spec.model.freeze\[1\]: {names}", 64):
        load(tmp_path / "base.keras", freeze=["norm", "dence*"])


@pytest.mark.usefixtures("model")
def test_a_model_larger_than_the_memory_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.saving, "load_model", None)
    with expect_failure("InvalidNetwork", f"{URI} has 39 parameters: weights .*Make the network smaller", 64):
        load(tmp_path / "base.keras", memory=100)


def change_file(path: Path, change: Any, name: str = "config.json", compression: int = 0) -> None:
    with zipfile.ZipFile(path) as archive:
        content = {each: archive.read(each) for each in archive.namelist()}
    content[name] = change(content[name])
    with zipfile.ZipFile(path, "w", compression) as archive:
        for each, data in content.items():
            archive.writestr(each, data)


def rename(before: str, after: str) -> Any:
    return lambda text: text.replace(before.encode(), after.encode())


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (rename('"class_name": "Dense"', '"class_name": "Lambda"'), "the layer '.*' is a Lambda, which runs code"),
        (rename('"class_name": "Dense"', '"class_name": "TFSMLayer"'), "the layer '.*' is a TFSMLayer, which"),
        (rename('"class_name": "Dense"', '"class_name": "Own"'), "Keras cannot load it: .*Own"),
        (rename('"units": 1,', '"units": 1, "vocabulary": "/etc/passwd",'), "vocabulary: must be a list of terms"),
        (lambda text: text[:-9], "the file is not a model that Keras 3 has saved as .keras .JSONDecodeError"),
        (lambda _: b"[" * 100_000, "the file is not a model that Keras 3 has saved"),
        (lambda _: b"[]", "the config.json of the file must be a mapping, found list"),
        (lambda _: b" " * (16 * 1024**2 + 1), "the config.json of the file is larger than 16 MiB"),
        (lambda _: json.dumps({"module": "keras", "class_name": "Model", "config": {}}).encode(), "Keras"),
    ],
)
def test_refused_files(tmp_path: Path, change: Any, message: str) -> None:
    change_file(tmp_path / "base.keras", change)
    with expect_failure("InvalidNetwork", f"spec.model.uri: {URI}: {message}", 64):
        load(tmp_path / "base.keras")


@pytest.mark.usefixtures("model")
def test_compressed_weights(tmp_path: Path) -> None:
    change_file(tmp_path / "base.keras", bytes, compression=zipfile.ZIP_DEFLATED)
    with expect_failure("InvalidNetwork", "the model.weights.h5 of the file is compressed", 64):
        load(tmp_path / "base.keras")


@pytest.mark.usefixtures("model")
def test_damaged_weights(tmp_path: Path) -> None:
    change_file(tmp_path / "base.keras", lambda text: text[:5000], name="model.weights.h5")
    with expect_failure(
        "InvalidNetwork", "the file is not a model that Keras 3 has saved as .keras .OSError: .*truncated", 64
    ):
        load(tmp_path / "base.keras")


@pytest.mark.usefixtures("model")
def test_weights_that_expand_in_memory(tmp_path: Path) -> None:
    def expand(content: bytes) -> bytes:
        with h5py.File(file := io.BytesIO(content), "a") as weights:
            weights.create_dataset("huge", shape=(1 << 30,), dtype="float32", chunks=True, compression="gzip")
        return file.getvalue()

    change_file(tmp_path / "base.keras", expand, name="model.weights.h5")
    assert (tmp_path / "base.keras").stat().st_size < 1 << 20
    with expect_failure("InvalidNetwork", "the file 4.0 GiB, but only 1.0 GiB are free", 64):
        load(tmp_path / "base.keras")


def test_a_file_that_is_no_zip(tmp_path: Path) -> None:
    (tmp_path / "base.keras").write_bytes(b"HDF")
    with expect_failure("InvalidNetwork", "is not a model that Keras 3 has saved as .keras .BadZipFile", 64):
        load(tmp_path / "base.keras")


def test_models_without_known_inputs() -> None:
    class Own(keras.Model):  # type: ignore[misc]
        pass

    for found, message in ((3, "found int"), (Own(), "of this Own"), (keras.Sequential([]), "of this Sequential")):
        with pytest.raises(ValueError, match=message):
            plain_model(found, ValueError)  # type: ignore[arg-type]


def test_lists_of_one_tensor_become_a_tensor() -> None:
    tensor = keras.Input((2,))
    model = plain_model(keras.Model([tensor], [keras.layers.Dense(1)(tensor)]), ValueError)  # type: ignore[arg-type]
    assert model(np.zeros((3, 2))).shape == (3, 1)
    several = keras.Model([tensor], [tensor, keras.layers.Dense(1)(tensor)])
    assert plain_model(several, ValueError) is not several  # type: ignore[arg-type]
    sequential = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    assert plain_model(sequential, ValueError) is sequential  # type: ignore[arg-type]


def test_two_outputs_of_a_layer_get_different_names(tmp_path: Path) -> None:
    words = keras.Input((5, 2))
    first, second, _ = keras.layers.LSTM(3, return_state=True, name="lstm")(words)
    other = keras.layers.Dense(2, name="lstm_1")(first)
    model = keras.Model(words, [first, second, other])
    assert [spec.name for spec in outputs_of(model)] == ["lstm", "lstm_2", "lstm_1"], "served as it is"
    model.save(tmp_path / "base.keras")
    loaded = load(tmp_path / "base.keras")
    assert loaded.output_names == ["lstm", "lstm_2", "lstm_1"]
    assert [spec.name for spec in outputs_of(loaded)] == loaded.output_names
