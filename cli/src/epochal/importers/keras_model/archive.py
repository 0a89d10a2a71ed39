"""Imports models from .keras files: zip archives with configuration and weights. Keras itself is not needed."""

import lzma
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from epochal.errors import EpochalError
from epochal.importers.imported import Imported, Weights, finish_import
from epochal.importers.keras_model.job import convert_model
from epochal.importers.keras_model.weights import ModelWeights
from epochal.importers.reading import MAX_BYTES, parse_json, shown

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_MAX_RATIO = 10
"""Maximum bytes of the weights for each byte of the archive. Keras never compresses them, so more is refused."""
_PART = 2**20
_DAMAGE = (
    KeyError,
    NotImplementedError,
    EOFError,
    RuntimeError,
    ValueError,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zlib.error,
)
"""Errors of reading a damaged archive."""


def import_archive(path: Path, *, name: str | None, strict: bool, source: str | None = None) -> Imported:
    """Import the model in a .keras file as a TrainingJob, with its weights.

    Args:
        path: The file.
        name: Name of the TrainingJob. Default: the file name.
        strict: Whether to raise an error if a detail of the file is lost.
        source: File name in the comment at the top of the manifest. Default: the name of `path`.

    Raises:
        EpochalError: If the file is damaged, or its model is not importable.
    """
    with _damage_as_error(), zipfile.ZipFile(path) as archive:
        config = _read_json(archive, _CONFIG)
        metadata = _read_json(archive, _METADATA) if _METADATA in archive.namelist() else {}
        size = archive.getinfo(_WEIGHTS).file_size if _WEIGHTS in archive.namelist() else 0
    version = metadata.get("keras_version")
    document = {**config, **({"keras_version": version} if version else {})}
    converted = convert_model(document, name=name or path.stem, source=source or path.name)
    weights: Weights | None = None
    if size:
        is_flat = not converted.imported_network.has_inner_models
        weights = _ArchiveWeights(path) if is_flat else ModelWeights(path, converted.imported_network)
    return finish_import(converted.draft, strict=strict, weights=weights)


@dataclass(frozen=True)
class _ArchiveWeights:
    """The weights in a .keras file. A network with the same layers in the same order can load them unchanged.

    Args:
        path: The file.
    """

    path: Path

    def write(self, path: Path) -> None:
        """Copy model.weights.h5 from the archive to a file.

        Raises:
            EpochalError: If the archive is damaged, its weights are compressed, or the disk has no space for them.
        """
        with _damage_as_error(), zipfile.ZipFile(self.path) as archive:
            size = archive.getinfo(_WEIGHTS).file_size
            limit = _MAX_RATIO * self.path.stat().st_size + _PART
            if size > limit:
                found = f"{_WEIGHTS} has {size:,} bytes, but the .keras file only {self.path.stat().st_size:,}"
                raise EpochalError(f"{found}: its weights are compressed, which Keras never does")
            if size > shutil.disk_usage(path.parent).free:
                raise EpochalError(f"{shown(str(path.parent))} has no space for weights of {size / 2**20:,.0f} MiB")
            with archive.open(_WEIGHTS) as source, path.open("wb") as target:
                shutil.copyfileobj(source, target, _PART)


def _read_json(archive: zipfile.ZipFile, member: str) -> Mapping[str, Any]:
    with archive.open(member) as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise EpochalError(f"the {member} of the .keras file must have at most {MAX_BYTES / 2**20:g} MiB")
    value = parse_json(content.decode("utf-8"), f"the {member} of the .keras file")
    if not isinstance(value, Mapping):
        raise EpochalError(f"the {member} of the .keras file must be a mapping, found {type(value).__name__}")
    return value


@contextmanager
def _damage_as_error() -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        found = shown(str(error)) or type(error).__name__
        raise EpochalError(f"the file is no .keras file, or is damaged: {found}", "Save the model again.") from None
    except OSError as error:
        raise EpochalError(f"cannot read or write the weights: {error.strerror or error}") from None
