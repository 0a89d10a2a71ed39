"""Weights of another model are loaded by the names of layers; a file that does not fit is refused with both shapes."""

import re
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.trainingjob.network import InitialWeights
from epochal_trainer.data.samples import Samples
from epochal_trainer.model import graph, initial_weights
from epochal_trainer.model.adapt import adapt
from epochal_trainer.model.footprint import FreeMemory

from tests.unit.trainer.expect import expect_failure
from tests.unit.trainer.model.networks import build_network, network_spec

LAYERS: list[dict[str, Any]] = [
    {"layer": "Normalization", "name": "scale"},
    {"layer": "Dense", "name": "dense_a", "units": 5},
    {"layer": "Bidirectional", "name": "both", "wrapped": {"layer": "LSTM", "units": 2}},
    {"layer": "BatchNormalization", "name": "norm"},
    {"layer": "Dropout", "rate": 0.5},
    {"layer": "Dense", "name": "head", "units": 3},
]
FEATURES = np.random.default_rng(0).normal(5, 3, (50, 4, 2)).astype("float32")


def base(*layers: dict[str, Any], seed: int = 9) -> keras.Model:
    spec = network_spec([4, 2], *(layers or LAYERS))
    model = build_network(spec, seed=seed)
    adapt(model, graph.build_nodes(spec), Samples.single(FEATURES, np.zeros(50), "x", "y"))
    return model


@pytest.fixture(scope="module")
def base_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of base.keras and base.weights.h5, which tests only read."""
    folder, source = tmp_path_factory.mktemp("base"), base()
    source.save(folder / "base.keras")
    source.save_weights(folder / "base.weights.h5")
    return folder


def load(model: keras.Model, path: Path, layers: list[str] | None = None, memory: int = 1 << 30) -> list[str]:
    weights = InitialWeights(uri=f"s3://models/{path.name}", layers=layers)
    return initial_weights.load(model, weights, path, memory=FreeMemory(memory), seed=1)


@pytest.mark.parametrize("name", ["base.keras", "base.weights.h5"])
def test_all_weights_are_loaded(name: str, tmp_path: Path) -> None:
    source, model = base(), build_network(network_spec([4, 2], *LAYERS))
    path = tmp_path / name
    source.save(path) if name.endswith(".keras") else source.save_weights(path)
    assert load(model, path) == ["scale", "dense_a", "both", "norm", "head"]
    np.testing.assert_array_equal(model.predict_on_batch(FEATURES), source.predict_on_batch(FEATURES))


@pytest.mark.parametrize("name", ["base.keras", "base.weights.h5"])
def test_layers_are_chosen_by_pattern(name: str, tmp_path: Path) -> None:
    source, model = base(), build_network(network_spec([4, 2], *LAYERS[:5], {**LAYERS[5], "units": 7}))
    path = tmp_path / name
    source.save(path) if name.endswith(".keras") else source.save_weights(path)
    before = model.get_layer("head").get_weights()
    assert load(model, path, ["dense_*", "both", "norm"]) == ["dense_a", "both", "norm"]
    for layer in ("dense_a", "both", "norm"):
        for found, expected in zip(
            model.get_layer(layer).get_weights(), source.get_layer(layer).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(model.get_layer("head").get_weights()[0], before[0])


def test_layers_of_a_keras_file_are_found_by_name_in_any_order(base_files: Path) -> None:
    two = [{"layer": "Dense", "name": "new", "units": 2}, LAYERS[1], {"layer": "Dense", "name": "end", "units": 1}]
    model = build_network(network_spec([4, 2], *two))
    assert load(model, base_files / "base.keras", ["dense_a"]) == ["dense_a"]


def test_a_name_of_several_inner_layers_is_refused(tmp_path: Path) -> None:
    image = keras.Input((3,))

    def branch(name: str) -> Any:
        inner = [keras.layers.Dense(3, name=each) for each in ("same", "top", f"only_{name}")]
        return keras.Sequential([keras.Input((3,)), *inner], name=name)(image)

    both = keras.layers.Add()([branch("a"), branch("b")])
    source = keras.Model(image, keras.layers.Dense(3, name="top")(both))
    source.save(tmp_path / "base.keras")
    layers = [{"layer": "Dense", "name": name, "units": 3} for name in ("only_a", "top")]
    model = build_network(network_spec([3], *layers))
    assert load(model, tmp_path / "base.keras") == ["only_a", "top"]
    np.testing.assert_array_equal(model.get_layer("top").get_weights()[0], source.get_layer("top").get_weights()[0])
    same = build_network(network_spec([3], {"layer": "Dense", "name": "same", "units": 3}))
    found = "the file has 2 layers with the name 'same' within others, expected one: save the model with different"
    with expect_failure("InvalidNetwork", f"base.keras: {found}", 64):
        load(same, tmp_path / "base.keras")


def test_a_loaded_layer_is_not_adapted(base_files: Path) -> None:
    spec = network_spec([4, 2], *LAYERS)
    model = build_network(spec)
    loaded = load(model, base_files / "base.keras")
    other = Samples.single(FEATURES * 9, np.zeros(50), "x", "y")
    assert adapt(model, graph.build_nodes(spec), other, loaded=loaded) == []


def test_learned_words_are_loaded(tmp_path: Path) -> None:
    layers: list[dict[str, Any]] = [
        {"layer": "TextVectorization", "name": "words", "output_sequence_length": 3},
        {"layer": "Embedding", "name": "embed", "input_dim": 9, "output_dim": 2},
    ]
    spec = network_spec([], *layers, dtype="string")
    source, model = build_network(spec, seed=9), build_network(spec)
    texts = np.array(["a b", "b", "é"])
    adapt(source, graph.build_nodes(spec), Samples.single(texts, np.zeros(3), "x", "y"))
    source.save(tmp_path / "base.keras")
    assert load(model, tmp_path / "base.keras") == ["words", "embed"]
    tensor = keras.ops.convert_to_tensor(texts)
    np.testing.assert_array_equal(model(tensor), source(tensor))


@pytest.mark.parametrize(
    ("change", "layers", "message"),
    [
        (
            {"units": 6},
            None,
            "the layer 'dense_a' of the file has weights of the shapes (2, 5), (5,), but the layer of the network has ",
        ),
        (
            {"use_bias": False},
            ["dense*"],
            "has weights of the shapes (2, 5), (5,), but the layer of the network has (2, 5): change",
        ),
        (
            {"name": "dense_b"},
            None,
            "the file has no layer 'dense_b', only scale, dense_a, both, ",
        ),
        (
            {"name": "dense_b"},
            None,
            ": give the layer the name that it has in the file, or leave it out of spec.network.weights.layers",
        ),
        (
            {},
            ["conv*"],
            "weights.layers[0]: no layer with weights has the name 'conv*', the network has scale, dense_a",
        ),
        ({}, ["head", "dense_b"], "weights.layers[1]: no layer with weights has the name 'dense_b'"),
        ({}, ["dense_b"], "did you mean dense_a?"),
        (
            {"layer": "EinsumDense", "equation": "abc,cd->abd", "output_shape": [None, 5]},
            ["dense_a"],
            "the layer 'dense_a' of the file is a Dense, but the layer of the network is a EinsumDense: rename",
        ),
    ],
)
def test_a_keras_file_that_does_not_fit(
    change: dict[str, Any], layers: list[str] | None, message: str, base_files: Path
) -> None:
    changed = {**LAYERS[1], **change}
    if "equation" in changed:
        del changed["units"]
    model = build_network(network_spec([4, 2], LAYERS[0], changed, *LAYERS[2:]))
    with expect_failure("InvalidNetwork", re.escape(message)):
        load(model, base_files / "base.keras", layers)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            [LAYERS[0], {**LAYERS[1], "units": 6}],
            "the layer 'dense_a' in the file have the shape (2, 5) (kernel), but the network has (2, 6)",
        ),
        (
            [*LAYERS[:2], {**LAYERS[2], "wrapped": {"layer": "LSTM", "units": 3}}],
            "the layer 'both' in the file have the shape (5, 8) (backward_lstm/lstm_cell/kernel), but the ",
        ),
        (
            [*LAYERS, {"layer": "Dense", "units": 2, "name": "more"}],
            "Layer 'more' expected 2 variables, but received 0: ",
        ),
    ],
)
def test_a_weights_file_that_does_not_fit(layers: list[dict[str, Any]], message: str, base_files: Path) -> None:
    model = build_network(network_spec([4, 2], *layers))
    with expect_failure("InvalidNetwork", f"s3://models/base.weights.h5: .*{re.escape(message)}", 64):
        load(model, base_files / "base.weights.h5")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("base.keras", "the file is not a model that Keras 3 has saved"),
        ("base.weights.h5", "it is no .weights.h5 file .OSError"),
    ],
)
def test_garbage_is_refused(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"garbage" * 100)
    with expect_failure("InvalidNetwork", f"spec.network.weights: s3://models/{name}: {message}", 64):
        load(base(), tmp_path / name)


@pytest.mark.parametrize("name", ["base.keras", "base.weights.h5"])
def test_a_file_that_needs_too_much_memory_is_refused_before_it_is_read(
    name: str, base_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras.saving, "load_model", None)
    with expect_failure("InvalidNetwork", f"weights: s3://models/{name}: the file is too large: .* GiB are free", 64):
        load(base(), base_files / name, memory=100)


def test_memory_that_other_processes_use_may_be_free_later(base_files: Path) -> None:
    weights, memory = InitialWeights(uri="s3://models/base.keras"), FreeMemory(100, used_by_others=1 << 30)
    with expect_failure("OutOfMemory", "spec.network.weights: s3://models/base.keras: the file is too large", 75):
        initial_weights.load(base(), weights, base_files / "base.keras", memory=memory, seed=1)


def rewritten(path: Path, changed: Path, text: str, other: str) -> Path:
    """Write a copy of a .keras file with another text in its description, and return its path."""
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(changed, "w") as target:
        for name in archive.namelist():
            content = archive.read(name)
            target.writestr(name, content.replace(text.encode(), other.encode()) if name == "config.json" else content)
    return changed


def test_a_description_of_a_huge_layer_is_refused_before_it_is_built(base_files: Path, tmp_path: Path) -> None:
    path = rewritten(base_files / "base.keras", tmp_path / "changed.keras", '"units": 3', '"units": 3000000000')
    with expect_failure("InvalidNetwork", "the file is too large: weights .* GiB; .*, but only 1.0 GiB are free", 64):
        load(base(), path, ["dense_a"])


def test_code_in_a_file_is_refused(base_files: Path, tmp_path: Path) -> None:
    path = rewritten(
        base_files / "base.keras", tmp_path / "changed.keras", '"class_name": "Dropout"', '"class_name": "Lambda"'
    )
    with expect_failure("InvalidNetwork", "is a Lambda, which runs code: save the weights of its other layers as", 64):
        load(base(), path, ["dense_a"])
