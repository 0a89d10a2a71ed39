"""Exports models: writes a file for each model and format, then check.npz and signature.json.

check.npz has samples and Keras' outputs for them. signature.json describes the models' inputs and outputs.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from epochal_api.signature import CHECK, MAX_CHECK_BYTES, SIGNATURE, ExportedFile, ModelFiles, Signature
from epochal_api.trainingjob.report import Export, ExportedModel
from epochal_api.trainingjob.status import MAX_EXPORT_MESSAGE
from epochal_lib.digests import sha256
from epochal_lib.model_server.answers import Arrays
from numpy.typing import NDArray

from epochal_trainer.export import samples
from epochal_trainer.export.formats import ExportError, export_as
from epochal_trainer.export.loading import Loaded, load
from epochal_trainer.export.request import EXPORTED, NOT_EXPORTABLE, SUFFIXES, Request, Source
from epochal_trainer.export.tensors import UnsupportedModel, inputs_of, network_of, predict
from epochal_trainer.model import user_code
from epochal_trainer.model.keras_objects import explain

_BEFORE_INNER_ERROR = "Exception encountered: "
"""Text in Keras' messages directly before the error of a nested object.

The text before it is the config of each outer object, which is too long for a message.
"""


class NotLoaded(Exception):
    """Keras cannot load the file of a model. The message has the name of the file and Keras' innermost error."""


class _ExportedModel(NamedTuple):
    """The export of a model: a file for each format that succeeded, and file name and error for each that failed."""

    source: Source
    outputs: Arrays
    files: Sequence[ExportedModel]
    errors: Sequence[tuple[str, ExportError]]


def export(request: Request) -> Export:
    """Export the models of a request to its folder, and return the outcome, which lists the files to store.

    If inputs or outputs of a model are unsupported, the outcome is NotExportable and lists no files.

    Raises:
        NotLoaded: If Keras cannot load the file of a model.
    """
    exported_models: list[_ExportedModel] = []
    if request.code is not None:
        user_code.execute(request.code, request.code.name)
    with tempfile.TemporaryDirectory(dir=request.folder) as folder:
        for source in request.models:
            loaded = _load(source.path, Path(folder))
            try:
                if not exported_models:  # All models are of the same network.
                    network = network_of(loaded.served, request.classes, request.image, request.features)
                    inputs, tolerance = _inputs(request, loaded.served), loaded.tolerance
                exported_models.append(_export_model(request, source, loaded, inputs, Path(folder)))
            except UnsupportedModel as error:
                return Export(reason=NOT_EXPORTABLE, message=str(error)[:MAX_EXPORT_MESSAGE])
    check = _write_check(request.folder / CHECK, inputs, exported_models)
    signature = Signature(
        **network, models=[_model_files(exported) for exported in exported_models], check=check, tolerance=tolerance
    )
    path = request.folder / SIGNATURE
    path.write_text(signature.model_dump_json(exclude_none=True, indent=2) + "\n", encoding="utf-8")
    errors = [(name, error) for exported in exported_models for name, error in exported.errors]
    files = [file for exported in exported_models for file in exported.files]
    messages = [f"{name}: {error}" for name, error in errors] or [_success_message(file) for file in files]
    return Export(
        reason=errors[0][1].reason if errors else EXPORTED,
        message="; ".join(messages)[:MAX_EXPORT_MESSAGE],
        exports=files,
        signature=sha256(path),
    )


def _load(path: Path, scratch: Path) -> Loaded:
    try:
        return load(path, scratch)
    except Exception as error:
        innermost = str(error).rpartition(_BEFORE_INNER_ERROR)[2]
        raise NotLoaded(f"Keras cannot load {path.name}: {explain(ValueError(innermost))}") from error


def _inputs(request: Request, model: keras.Model) -> dict[str, NDArray[Any]]:
    """Return the samples of the request; if it has none, generate samples that Keras can compute outputs for.

    An axis of any length gets the first of samples.LENGTHS that works.
    """
    specs = inputs_of(model)
    if request.samples is not None:
        return samples.read(request.samples, specs)
    error_text = ""
    for length in samples.LENGTHS:
        inputs = samples.generate(specs, request.image, length)
        try:
            predict(model, inputs)
        except Exception as error:  # noqa: BLE001 - the network may need a longer axis
            error_text = explain(error)
        else:
            return inputs
    raise UnsupportedModel(f"Keras cannot predict any of the generated samples: {error_text}")


def _export_model(request: Request, source: Source, loaded: Loaded, inputs: Arrays, scratch: Path) -> _ExportedModel:
    outputs = _keras_outputs(loaded, inputs)
    files, errors = [], []
    for name in request.formats:
        path = request.folder / f"{source.path.stem}{SUFFIXES[name]}"
        try:
            difference = export_as(name, loaded, path, inputs=inputs, outputs=outputs, scratch=scratch)
        except ExportError as error:
            errors.append((path.name, error))
        else:
            digest = sha256(path)
            files.append(
                ExportedModel(name=path.name, model=source.which, format=name, sha256=digest, difference=difference)
            )
    return _ExportedModel(source, outputs, files, errors)


def _keras_outputs(loaded: Loaded, inputs: Arrays) -> Arrays:
    """Return the outputs of the model in its trained precision, or in float32 if Keras cannot compute that on a CPU."""
    for model in (loaded.trained, loaded.served):
        try:
            return predict(model, inputs)
        except Exception as error:  # noqa: BLE001 - Keras and TensorFlow raise all kinds
            error_text = explain(error)
    raise UnsupportedModel(f"Keras cannot predict samples on a CPU: {error_text}")


def _model_files(exported: _ExportedModel) -> ModelFiles:
    path = exported.source.path
    onnx = next((file for file in exported.files if file.format == "onnx"), None)
    return ModelFiles(
        model=exported.source.which,
        keras=ExportedFile(name=path.name, sha256=sha256(path)),
        onnx=onnx and ExportedFile(name=onnx.name, sha256=onnx.sha256, difference=onnx.difference),
    )


def _write_check(path: Path, inputs: Arrays, exported_models: Sequence[_ExportedModel]) -> ExportedFile | None:
    """Write samples and each model's outputs for them as .npz, as many as fit into MAX_CHECK_BYTES.

    Return the file, or None if a single sample exceeds the limit.
    """
    arrays = {f"input:{name}": array for name, array in inputs.items()}
    for exported in exported_models:
        arrays |= {f"{exported.source.which.lower()}:{name}": array for name, array in exported.outputs.items()}
    plain = {name: samples.plain(array) for name, array in arrays.items()}
    if not (count := samples.max_count(plain, MAX_CHECK_BYTES)):
        return None
    chosen: dict[str, Any] = {name: array[:count] for name, array in plain.items()}
    np.savez_compressed(path, **chosen)
    return ExportedFile(name=path.name, sha256=sha256(path))


def _success_message(file: ExportedModel) -> str:
    difference = f", with a difference of at most {file.difference:.1g}" if file.difference else ""
    return f"{file.name} has the same outputs as Keras{difference}"
