"""Reads config.json, the description of the layers of a model in a .keras file, without an import of Keras."""

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

CONFIG = "config.json"
MAX_CONFIG_BYTES = 16 * 1024**2
"""Maximum bytes of config.json. A larger file is not parsed, because it needs many times its size in memory. That of
ResNet152 has 0.3 MB."""
_KNOWN_PACKAGES = frozenset({"builtins", "keras"})
"""Packages whose classes Keras can load without the code of a user."""
_REMEDY = (
    "but of the code of the training (spec.code), and a ModelServer has no code: train with onnx in "
    "spec.results.exports, since the ONNX file needs no code, or use only layers of Keras"
)


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
    """Return a space and the name of a layer in a description, for a message; "" if the layer has no name."""
    layer = item.get("config")
    return f" {layer['name']!r:.100}" if isinstance(layer, Mapping) and "name" in layer else ""


def own_code(path: Path) -> str:
    """Return why Keras cannot load a model without the code of a user: a clause that names the layer and the remedy.

    The clause is "" if the model needs no code of a user, or if the file is no readable .keras file.
    """
    config = _read_config(path)
    if not isinstance(config, dict):
        return ""
    # The model is loaded without its loss and its metrics, so these may have own code.
    for item in mappings({**config, "compile_config": None}):
        name, module, values = item.get("class_name"), item.get("module", "keras"), item.get("config")
        if not isinstance(name, str):
            continue
        what = f"the object{layer_label(item)} is a {name:.100}"
        if str(module).partition(".")[0] not in _KNOWN_PACKAGES:
            return f"{what}, which is not a class of Keras {_REMEDY}"
        for value in values.values() if isinstance(values, dict) else ():
            if not isinstance(value, dict):
                continue
            if value.get("class_name") == "__lambda__":
                return f"{what} with a Python lambda, which is not a function of Keras {_REMEDY}"
            function = value.get("config")
            if value.get("class_name") == "function" and isinstance(function, str) and ">" in function:
                return f"{what} with {function:.100}, which is not a function of Keras {_REMEDY}"
    return ""


def _read_config(path: Path) -> Any:
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(CONFIG).file_size > MAX_CONFIG_BYTES:
                return None
            return json.loads(archive.read(CONFIG))
    except Exception:  # noqa: BLE001 - a damaged or encrypted archive has many errors
        return None
