"""Loads a .keras file twice for the export: with the precision of its training, and in float32.

The float32 model is exported. Few programs compute in float16 or bfloat16 on a CPU, and a served model does not need
these types: the weights of a network trained in mixed precision are float32 already.
"""

import json
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import keras

_CONFIG = "config.json"
_REPLACED_TYPES = frozenset({"float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16"})
"""Names of the Keras dtypes and dtype policies that the exported model replaces with float32."""
_FLOAT32 = "float32"
TOLERANCE = 1e-4
"""Maximum difference of an output, as a share of the greatest absolute value of Keras' output, or of 1 if greater."""
_TOLERANCES = {"float16": 1e-2, "bfloat16": 5e-2}
"""Tolerances in place of TOLERANCE for networks trained in float16 or bfloat16, which are exported in float32."""


class Loaded(NamedTuple):
    """A model in float32, and the same model in its trained precision.

    Args:
        served: The model that computes in float32.
        trained: The model that computes in its trained precision.
        precision: The coarsest dtype in the file: bfloat16, float16 or float64; float32 if it has none of these.
    """

    served: keras.Model
    trained: keras.Model
    precision: str

    @property
    def tolerance(self) -> float:
        """Maximum relative difference between outputs in float32 and in the trained precision; see TOLERANCE."""
        return _TOLERANCES.get(self.precision, TOLERANCE)


def load(path: Path, scratch: Path) -> Loaded:
    """Load a .keras file in its trained precision, and a second time with float32 in place of other precisions.

    A file that has only float32 is loaded once.

    Raises:
        Exception: Any exception of Keras for a file that it cannot load.
    """
    trained = keras.saving.load_model(path, compile=False)
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read(_CONFIG))
    found: set[str] = set()
    config = _to_float32(config, found)
    if not found:
        return Loaded(trained, trained, _FLOAT32)
    served = scratch / f"{path.stem}-{_FLOAT32}.keras"
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(served, "w") as target:
        for name in archive.namelist():
            target.writestr(name, json.dumps(config) if name == _CONFIG else archive.read(name))
    try:
        return Loaded(keras.saving.load_model(served, compile=False), trained, _coarsest(found))
    finally:
        served.unlink()


def _to_float32(config: Any, found: set[str]) -> Any:
    """Return a Keras config with float32 in place of each type in _REPLACED_TYPES, and add these types to `found`."""
    if isinstance(config, list):
        return [_to_float32(item, found) for item in config]
    if not isinstance(config, dict):
        return config
    replaced = {key: _to_float32(value, found) for key, value in config.items()}
    for key in ("dtype", "name") if config.get("class_name") == "DTypePolicy" else ("dtype",):
        target = replaced["config"] if key == "name" else replaced
        if isinstance(name := target.get(key), str) and name in _REPLACED_TYPES:
            found.add(name)
            target[key] = _FLOAT32
    return replaced


def _coarsest(found: set[str]) -> str:
    """Return the coarsest of the types, which determines the tolerance: bfloat16 before float16 before float64."""
    for name in ("bfloat16", "float16"):
        if found & {name, f"mixed_{name}"}:
            return name
    return "float64"
