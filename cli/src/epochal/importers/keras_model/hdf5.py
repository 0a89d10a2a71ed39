"""Reads models in legacy .h5 files with h5py, a dependency of epochal-trainer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from epochal.errors import EpochalError
from epochal.extras import require_trainer
from epochal.importers.imported import Imported, finish_import
from epochal.importers.keras_model.job import convert_model
from epochal.importers.keras_model.weights import ModelWeights
from epochal.importers.reading import MAX_BYTES, parse_json, shown


def import_hdf5(path: Path, *, name: str | None, strict: bool) -> Imported:
    """Return the TrainingJob for the Keras model in an .h5 file, with the weights of the model.

    If `strict`, a detail of the file that is not imported is an error.

    Raises:
        EpochalError: If the file is damaged, has no model, or its model is not importable; or if epochal-trainer is
            missing.
    """
    require_trainer("An .h5 file")
    attributes = _read_attributes(path)
    if "model_config" not in attributes:
        raise EpochalError(
            "the file has weights, but no model",
            "Import the model from its JSON or .keras file, and name this file in spec.network.weights.",
        )
    document = parse_json(attributes["model_config"], "the attribute model_config")
    if not isinstance(document, Mapping):
        raise EpochalError(f"the attribute model_config must be a mapping, found {type(document).__name__}")
    compiled = (
        parse_json(attributes["training_config"], "the attribute training_config")
        if "training_config" in attributes
        else None
    )
    if compiled is not None and not isinstance(compiled, Mapping):
        raise EpochalError(f"the attribute training_config must be a mapping, found {type(compiled).__name__}")
    document = {**document, **({"keras_version": version} if (version := attributes.get("keras_version")) else {})}
    converted = convert_model(document, name=name or path.stem, source=path.name, compiled=compiled)
    return finish_import(converted.draft, strict=strict, weights=ModelWeights(path, converted.imported_network))


def _read_attributes(path: Path) -> dict[str, str]:
    import h5py  # noqa: PLC0415 - it comes with epochal-trainer

    result: dict[str, str] = {}
    try:
        with h5py.File(path, "r") as file:
            for name in ("model_config", "training_config", "keras_version"):
                if name not in file.attrs:
                    continue
                if file.attrs.get_id(name).get_storage_size() > MAX_BYTES:
                    raise EpochalError(f"the attribute {name} must have at most {MAX_BYTES / 2**20:g} MiB")
                value: Any = file.attrs[name]
                result[name] = value.decode("utf-8") if isinstance(value, bytes) else str(value)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise EpochalError(f"the file is no .h5 file of a model, or is damaged: {shown(str(error))}") from None
    return result
