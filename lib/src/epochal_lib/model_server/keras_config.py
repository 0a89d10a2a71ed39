"""The description of a Keras model in its .keras file, without an import of Keras."""

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from epochal_lib.model_server.errors import ServeError

CONFIG = "config.json"
MAX_CONFIG_BYTES = 16 * 1024**2
"""Maximum size of the description of a model, which takes many times its size in memory. ResNet152 has 0.3 MB."""
_KNOWN_PACKAGES = frozenset({"builtins", "keras"})
"""Packages of the classes that Keras finds without the code of a user."""


def mappings(config: Any) -> Iterator[Mapping[str, Any]]:
    """Yield all mappings in a value, at any depth."""
    waiting = [config]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def layer_label(item: Mapping[str, Any]) -> str:
    """Return the name of a layer in a description for a message, with a space before it; empty without a name."""
    layer = item.get("config")
    return f" {layer['name']!r:.100}" if isinstance(layer, Mapping) and "name" in layer else ""


def require_keras_classes(path: Path) -> None:
    """Check that a model has only classes of Keras, and no lambda, because a server has no code of a user.

    A file that is no .keras file passes: Keras has a message for it.

    Raises:
        ServeError: ModelRefused, with the layer, its class and the remedy.
    """
    for item in mappings(_read_config(path)):
        name, module = item.get("class_name"), item.get("module", "keras")
        if not isinstance(name, str):
            continue
        what = f"the object{layer_label(item)} is a {name:.100}"
        if str(module).partition(".")[0] not in _KNOWN_PACKAGES:
            raise ServeError(
                "ModelRefused",
                f"{what}, which is not a class of Keras but of the code of the training (spec.code), and a ModelServer "
                "has no code: train with onnx in spec.results.exports, since the ONNX file needs no code, or use only "
                "layers of Keras",
            )
        if _has_lambda(item):
            raise ServeError(
                "ModelRefused",
                f"{what} of a Python lambda, and a ModelServer runs no code of a file: train with a layer of Keras in "
                "its place, or with a registered class in spec.code and onnx in spec.results.exports",
            )


def _has_lambda(item: Mapping[str, Any]) -> bool:
    """Return whether the description of a layer has Python code, which Keras loads only outside of its safe mode."""
    config = item.get("config")
    function = config.get("function") if isinstance(config, Mapping) else None
    return isinstance(function, Mapping) and function.get("class_name") == "__lambda__"


def _read_config(path: Path) -> Any:
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(CONFIG).file_size > MAX_CONFIG_BYTES:
                return None
            return json.loads(archive.read(CONFIG))
    except (KeyError, OSError, RecursionError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return None
