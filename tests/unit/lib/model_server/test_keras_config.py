"""A .keras file names the classes that a server must have."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from epochal_lib.model_server.errors import ServeError
from epochal_lib.model_server.keras_config import MAX_CONFIG_BYTES, require_keras_classes

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
def test_a_class_that_is_not_of_keras_is_refused_with_its_layer(tmp_path: Path, module: str | None) -> None:
    own = {"module": module, "class_name": "Scale", "config": {"name": "scale"}, "registered_name": "Custom>Scale"}
    with pytest.raises(ServeError, match=r"the object 'scale' is a Scale, .* spec.results.exports") as refused:
        require_keras_classes(saved(tmp_path, model(DENSE, {**DENSE, "config": {"name": "outer", "layer": own}})))
    assert refused.value.reason == "ModelRefused"


def test_a_class_without_a_name(tmp_path: Path) -> None:
    own: dict[str, Any] = {"module": None, "class_name": "Own", "config": {}, "registered_name": "Custom>Own"}
    with pytest.raises(ServeError, match=r"^the object is a Own, "):
        require_keras_classes(saved(tmp_path, model({**DENSE, "config": {"kernel_initializer": own}})))


def test_a_lambda_is_refused_with_its_layer(tmp_path: Path) -> None:
    code = {"class_name": "__lambda__", "config": {"code": "4wEA", "defaults": None, "closure": None}}
    layer = {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "twice", "function": code}}
    with pytest.raises(ServeError, match="the object 'twice' is a Lambda of a Python lambda") as refused:
        require_keras_classes(saved(tmp_path, model(DENSE, layer)))
    assert refused.value.reason == "ModelRefused"
    require_keras_classes(saved(tmp_path, model({**layer, "config": {"name": "twice", "function": FUNCTION}})))


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
def test_other_files_pass(tmp_path: Path, config: Any) -> None:
    require_keras_classes(saved(tmp_path, config))


def test_files_without_a_description_pass(tmp_path: Path) -> None:
    require_keras_classes(saved(tmp_path, {}, name="other.json"))
    require_keras_classes(tmp_path / "missing.keras")
    (tmp_path / "text.keras").write_text("no archive")
    require_keras_classes(tmp_path / "text.keras")
    require_keras_classes(saved(tmp_path, "[" + " " * MAX_CONFIG_BYTES + "]"))
