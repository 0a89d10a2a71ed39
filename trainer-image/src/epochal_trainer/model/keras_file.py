"""Loads Keras models from .keras files in safe mode.

A file may come from anyone. Keras' safe mode refuses code in it, and the trainer determines the size of its content
before Keras allocates memory.
"""

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import h5py
import keras
from epochal_lib.model_server.keras_config import CONFIG, MAX_CONFIG_BYTES, layer_label, mappings

from epochal_trainer.lib.failures import Failure, is_machine_error
from epochal_trainer.model.keras_objects import errors_as
from epochal_trainer.model.plain_model import Invalid

SUFFIX = ".keras"
_WEIGHTS = "model.weights.h5"
_WITH_CODE = frozenset({"FlaxLayer", "JaxLayer", "Lambda", "TFSMLayer", "TorchModuleWrapper", "__lambda__"})
"""Classes that run code from the .keras file, or load a program from another file."""
_FILE_ARGUMENT = "vocabulary"
"""Layer argument that is a list, or a text that Keras takes as the path of a file in the pod. Keras saves a list."""
_DAMAGE = (KeyError, NotImplementedError, OSError, RecursionError, RuntimeError, ValueError, zipfile.BadZipFile)
"""Errors of reading a damaged file, or another format. For these, h5py raises an OSError without an error number."""


class KerasFile:
    """A Keras model in a .keras file.

    Args:
        path: The file, whose name ends with .keras.
        invalid: Returns the failure for a message about the file.
        remedy: Advice to the user for a file with code.
    """

    def __init__(self, path: Path, invalid: Invalid, *, remedy: str) -> None:
        self._path = path
        self._invalid = invalid
        self._remedy = remedy

    def sketch(self) -> tuple[Any, int]:
        """Return the model with variables that have shapes but no values, and the file's uncompressed bytes.

        Raises:
            Failure: The result of `invalid`, if Keras cannot load the file, or it contains code.
        """
        config, size = self._read_config()
        self._check_config(config)
        config.pop("compile_config", None)
        # In a stateless scope, variables have shapes but no values, as in network.build.
        with errors_as(self._not_loaded), keras.StatelessScope(initialize_variables=False):
            return keras.saving.deserialize_keras_object(config, safe_mode=True), size

    def load(self) -> Any:
        """Return the model with its weights, not compiled. Call `sketch` first, because it checks the file.

        Raises:
            Failure: The result of `invalid`, if Keras cannot load the file.
        """
        with damage_as(self._not_loaded), errors_as(self._not_loaded):
            return keras.saving.load_model(self._path, compile=False, safe_mode=True)

    def _not_saved_by_keras(self, found: str) -> Failure:
        return self._invalid(f"the file is not a model that Keras 3 has saved as .keras ({found})")

    def _not_loaded(self, message: str) -> Failure:
        advice = "" if "safe_mode" not in message else f". For a model with code: {self._remedy}"
        return self._invalid(f"Keras cannot load it: {message}{advice}")

    def _read_config(self) -> tuple[dict[str, Any], int]:
        """Return the Keras config of the model, and the file's uncompressed bytes."""
        with damage_as(self._not_saved_by_keras), zipfile.ZipFile(self._path) as archive:
            size = sum(member.file_size for member in archive.infolist())
            if archive.getinfo(CONFIG).file_size > MAX_CONFIG_BYTES:
                raise self._invalid(f"the {CONFIG} of the file is larger than {MAX_CONFIG_BYTES // 1024**2} MiB")
            with archive.open(CONFIG) as file:
                config = json.loads(file.read(MAX_CONFIG_BYTES))
            weights = archive.getinfo(_WEIGHTS)
            if weights.compress_type != zipfile.ZIP_STORED:  # Keras never does this, and a search in it would take long
                raise self._invalid(f"the {_WEIGHTS} of the file is compressed: save the model with Keras again")
            with archive.open(weights) as file:
                size += max(0, arrays_size(file) - weights.file_size)
        if not isinstance(config, dict):
            raise self._invalid(f"the {CONFIG} of the file must be a mapping, found {type(config).__name__}")
        return config, size

    def _check_config(self, config: Mapping[str, Any]) -> None:
        """Raise the failure of `invalid` if a layer runs code, or reads a file of the pod."""
        for item in mappings(config):
            if (name := item.get("class_name")) in _WITH_CODE:
                raise self._invalid(f"the layer{layer_label(item)} is a {name}, which runs code: {self._remedy}")
            if isinstance(value := item.get(_FILE_ARGUMENT), str):
                raise self._invalid(
                    f"{_FILE_ARGUMENT}: must be a list of terms, found {value!r:.80}: a text would be the path of a "
                    "file in the pod"
                )


@contextmanager
def damage_as(failure: Callable[[str], Failure]) -> Iterator[None]:
    """Convert errors of reading a damaged file within the context to `failure(message)`.

    Errors of memory or disk pass unchanged, so that the attempt is retried.
    """
    try:
        yield
    except _DAMAGE as error:
        if is_machine_error(error):
            raise
        raise failure(f"{type(error).__name__}: {error!s:.200}") from error


def arrays_size(file: Path | IO[bytes]) -> int:
    """Return the uncompressed bytes of all arrays in an HDF5 file."""
    sizes: list[int] = []

    def add(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            sizes.append(int(item.nbytes))

    with h5py.File(file) as opened:
        opened.visititems(add)
    return sum(sizes)
