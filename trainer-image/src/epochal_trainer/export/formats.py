"""Writes each export format of a model, and compares its outputs with those of Keras."""

from collections.abc import Callable, Mapping
from pathlib import Path

from epochal_api.storage import ExportFormat
from epochal_lib.model_server.answers import AnswersDiffer, Arrays, largest_difference

from epochal_trainer.export.diagnose import first_that_differs, first_that_fails
from epochal_trainer.export.loading import TOLERANCE, Loaded
from epochal_trainer.export.request import DIFFERS, NOT_EXPORTABLE
from epochal_trainer.export.tensors import answer
from epochal_trainer.export.to_onnx import NotExportable, load_onnx, to_onnx
from epochal_trainer.export.to_saved_model import answers_of, to_saved_model
from epochal_trainer.export.tracing import failed_layer
from epochal_trainer.model.keras_objects import explain


class ExportError(Exception):
    """A model cannot be exported in a format.

    Args:
        reason: The reason of the export's outcome.
        message: The error for users, with the layer's name.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def export_as(
    export_format: ExportFormat, loaded: Loaded, path: Path, *, inputs: Arrays, answers: Arrays, scratch: Path
) -> float:
    """Write a model in an export format, and compare its outputs with those of Keras.

    Args:
        export_format: The format.
        loaded: The model.
        path: The file. After an error it does not exist.
        inputs: Samples.
        answers: Keras' outputs for the samples, of the model as it was trained.
        scratch: Folder for temporary files.

    Returns:
        The largest absolute difference of the outputs.

    Raises:
        ExportError: If the model cannot be exported in this format, or its outputs differ.
    """
    try:
        found = _EXPORTERS[export_format](loaded, path, inputs, scratch)
        return largest_difference(found, answers, loaded.tolerance)
    except AnswersDiffer as error:
        path.unlink()
        raise ExportError(DIFFERS, f"computed in float32, and not in {loaded.precision}, {error}") from error
    except ExportError:
        path.unlink(missing_ok=True)
        raise


def _onnx(loaded: Loaded, path: Path, inputs: Arrays, scratch: Path) -> Arrays:
    """Write a model as ONNX, and return the outputs of ONNX Runtime for the samples."""
    model, trial = loaded.served, scratch / "trial.onnx"
    try:
        to_onnx(model, path)
        answer_in_onnx = load_onnx(path)
    except NotExportable as error:
        where = error.layer or first_that_fails(model, trial) or _WHOLE
        raise ExportError(NOT_EXPORTABLE, f"{where} {error}") from error
    except Exception as error:
        where = failed_layer(str(error), model) or first_that_fails(model, trial) or _WHOLE
        said = explain(error).replace(str(path), path.name)
        raise ExportError(NOT_EXPORTABLE, f"{where} cannot be computed by ONNX Runtime ({said})") from error
    try:
        expected, found = answer(model, inputs), answer_in_onnx(inputs)
        largest_difference(found, expected, TOLERANCE)
        # Also a single sample: a graph may have the number of samples from its conversion fixed in it.
        largest_difference(answer_in_onnx(_first(inputs)), _first(expected), TOLERANCE)
    except AnswersDiffer as error:
        first = first_that_differs(model, inputs, trial)
        raise ExportError(DIFFERS, f"{error}" + (f", from {first} on" if first else "")) from error
    except Exception as error:
        where = failed_layer(str(error), model) or _WHOLE
        raise ExportError(NOT_EXPORTABLE, f"{where} fails in ONNX Runtime ({explain(error)})") from error
    return found


def _saved_model(loaded: Loaded, path: Path, inputs: Arrays, scratch: Path) -> Arrays:
    """Write a model as a SavedModel, and return its outputs for the samples."""
    try:
        to_saved_model(loaded.served, path, scratch)
        found = answers_of(path, loaded.served, inputs, scratch)
    except Exception as error:
        raise ExportError(NOT_EXPORTABLE, f"{_WHOLE} cannot be told in a SavedModel ({explain(error)})") from error
    try:
        largest_difference(found, answer(loaded.served, inputs), TOLERANCE)
    except AnswersDiffer as error:
        raise ExportError(DIFFERS, str(error)) from error
    return found


_WHOLE = "the network"
_EXPORTERS: Mapping[ExportFormat, Callable[[Loaded, Path, Arrays, Path], Arrays]] = {
    "onnx": _onnx,
    "savedmodel": _saved_model,
}


def _first(arrays: Arrays) -> Arrays:
    """Return the first sample, or the outputs for it, by name."""
    return {name: array[:1] for name, array in arrays.items()}
