"""A .keras file names the classes that a server must have."""

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from epochal_lib.model_server.keras_config import MAX_CONFIG_BYTES, own_code

DENSE = {"module": "keras.layers", "class_name": "Dense", "config": {"name": "dense"}, "registered_name": None}
SHAPE = {"class_name": "__tuple__", "items": [2, 3]}
FUNCTION = {"module": "builtins", "class_name": "function", "config": "relu", "registered_name": "function"}


def saved(folder: Path, config: Any, name: str = "config.json") -> Path:
    path = folder / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, config if isinstance(config, str) else json.dumps(config))
    return path


def model(*layers: Any) -> dict[str, Any]:
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": {"name": "functional", "layers": [*layers]},
        "registered_name": "Functional",
    }


@pytest.mark.parametrize("module", [None, "epochal_user_code", "kerastic.layers"])
def test_a_class_that_is_not_of_keras_is_named_with_its_layer(tmp_path: Path, module: str | None) -> None:
    own = {"module": module, "class_name": "Scale", "config": {"name": "scale"}, "registered_name": "Custom>Scale"}
    found = own_code(saved(tmp_path, model(DENSE, {**DENSE, "config": {"name": "outer", "layer": own}})))
    assert found.startswith("the object 'scale' is a Scale, which is not a class of Keras")
    assert "spec.results.exports" in found


def test_a_class_without_a_name(tmp_path: Path) -> None:
    own: dict[str, Any] = {"module": None, "class_name": "Own", "config": {}, "registered_name": "Custom>Own"}
    found = own_code(saved(tmp_path, model({**DENSE, "config": {"kernel_initializer": own}})))
    assert found.startswith("the object is a Own, ")


@pytest.mark.parametrize("argument", ["function", "activation"])
def test_a_lambda_is_named_with_its_layer(tmp_path: Path, argument: str) -> None:
    code = {"class_name": "__lambda__", "config": {"code": "4wEA", "defaults": None, "closure": None}}
    layer = {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "twice", argument: code}}
    assert own_code(saved(tmp_path, model(DENSE, layer))).startswith("the object 'twice' is a Lambda with a Python")


def test_a_registered_function_is_named_with_its_layer(tmp_path: Path) -> None:
    layer = {**DENSE, "config": {"name": "dense", "activation": {**FUNCTION, "config": "mine>swish"}}}
    assert own_code(saved(tmp_path, model(layer))).startswith("the object 'dense' is a Dense with mine>swish, ")


def test_an_own_loss_is_no_cause(tmp_path: Path) -> None:
    own: dict[str, Any] = {"module": None, "class_name": "Own", "config": {}, "registered_name": "Custom>Own"}
    assert own_code(saved(tmp_path, model(DENSE) | {"compile_config": {"loss": own}})) == ""


@pytest.mark.parametrize(
    "config",
    [
        model(DENSE, {**DENSE, "build_config": {"shape": SHAPE}, "config": {"activation": FUNCTION}}),
        "no JSON",
        [1],
        "3",
    ],
    ids=["of Keras", "no JSON", "a list", "a number"],
)
def test_other_files_have_none(tmp_path: Path, config: Any) -> None:
    assert own_code(saved(tmp_path, config)) == ""


def test_files_without_a_description_have_none(tmp_path: Path) -> None:
    assert own_code(saved(tmp_path, {}, name="other.json")) == ""
    assert own_code(tmp_path / "missing.keras") == ""
    (tmp_path / "text.keras").write_text("no archive")
    assert own_code(tmp_path / "text.keras") == ""
    assert own_code(saved(tmp_path, "[" + " " * MAX_CONFIG_BYTES + "]")) == ""


def test_a_damaged_file_has_none(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", json.dumps(model(*[DENSE] * 100)))
    content = bytearray(path.read_bytes())
    content[60:90] = bytes(30)
    path.write_bytes(content)
    with zipfile.ZipFile(path) as archive, pytest.raises(zlib.error):
        archive.read("config.json")
    assert own_code(path) == ""
