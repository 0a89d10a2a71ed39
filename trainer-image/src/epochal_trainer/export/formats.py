"""Writes each export format of a model, and compares its outputs with those of Keras."""

from collections.abc import Callable, Mapping
from pathlib import Path

from epochal_api.storage import ExportFormat
from epochal_lib.model_server.answers import AnswersDiffer, Arrays, largest_difference

from epochal_trainer.export.diagnose import first_differing_layer, first_failing_layer
from epochal_trainer.export.loading import TOLERANCE, Loaded
from epochal_trainer.export.request import DIFFERS, NOT_EXPORTABLE
from epochal_trainer.export.tensors import predict
from epochal_trainer.export.to_onnx import NotExportable, load_onnx, to_onnx
from epochal_trainer.export.to_saved_model import saved_model_outputs, to_saved_model
from epochal_trainer.export.tracing import failed_layer
from epochal_trainer.model.keras_objects import explain


class ExportError(Exception):
    """The export of a model in one format failed.

    `reason` is NOT_EXPORTABLE if the model cannot be converted, loaded or computed, or DIFFERS if its outputs differ
    from Keras'.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def export_as(
    export_format: ExportFormat, loaded: Loaded, path: Path, *, inputs: Arrays, outputs: Arrays, scratch: Path
) -> float:
    """Write a model in an export format, and return the largest absolute difference of its outputs from Keras'.

    Args:
        export_format: The format.
        loaded: The model in float32, which is exported, and in its trained precision.
        path: The file to write. After an error it does not exist.
        inputs: Samples, by input.
        outputs: Keras' outputs for the samples in the model's trained precision, by output.
        scratch: Folder for temporary files.

    Raises:
        ExportError: If the model cannot be exported in this format, or its outputs differ.
    """
    try:
        found = _EXPORTERS[export_format](loaded, path, inputs, scratch)
        return largest_difference(found, outputs, loaded.tolerance)
    except AnswersDiffer as error:
        path.unlink()
        raise ExportError(DIFFERS, f"computed in float32 instead of {loaded.precision}, {error}") from error
    except ExportError:
        path.unlink(missing_ok=True)
        raise


def _onnx(loaded: Loaded, path: Path, inputs: Arrays, scratch: Path) -> Arrays:
    """Write the float32 model as ONNX, and return the outputs that ONNX Runtime computes for the samples.

    Raises:
        ExportError: Also if these outputs differ from those of the float32 model in Keras.
    """
    model, trial = loaded.served, scratch / "trial.onnx"
    try:
        to_onnx(model, path)
        predict_onnx = load_onnx(path)
    except NotExportable as error:
        where = error.layer or first_failing_layer(model, trial) or _WHOLE
        raise ExportError(NOT_EXPORTABLE, f"{where} {error}") from error
    except Exception as error:
        where = failed_layer(str(error), model) or first_failing_layer(model, trial) or _WHOLE
        cause = explain(error).replace(str(path), path.name)
        raise ExportError(NOT_EXPORTABLE, f"{where} cannot be loaded by ONNX Runtime ({cause})") from error
    try:
        expected, found = predict(model, inputs), predict_onnx(inputs)
        largest_difference(found, expected, TOLERANCE)
        # Also a single sample: the conversion may have fixed the number of samples in the graph.
        largest_difference(predict_onnx(_first(inputs)), _first(expected), TOLERANCE)
    except AnswersDiffer as error:
        first = first_differing_layer(model, inputs, trial)
        raise ExportError(DIFFERS, f"{error}" + (f", first in {first}" if first else "")) from error
    except Exception as error:
        where = failed_layer(str(error), model) or _WHOLE
        raise ExportError(NOT_EXPORTABLE, f"{where} fails in ONNX Runtime ({explain(error)})") from error
    return found


def _saved_model(loaded: Loaded, path: Path, inputs: Arrays, scratch: Path) -> Arrays:
    """Write the float32 model as a SavedModel, and return the outputs that the SavedModel computes for the samples.

    Raises:
        ExportError: Also if these outputs differ from those of the float32 model in Keras.
    """
    try:
        to_saved_model(loaded.served, path, scratch)
        found = saved_model_outputs(path, loaded.served, inputs, scratch)
    except Exception as error:
        message = f"{_WHOLE} cannot be exported as a SavedModel ({explain(error)})"
        raise ExportError(NOT_EXPORTABLE, message) from error
    try:
        largest_difference(found, predict(loaded.served, inputs), TOLERANCE)
    except AnswersDiffer as error:
        raise ExportError(DIFFERS, str(error)) from error
    return found


_WHOLE = "the network"
_EXPORTERS: Mapping[ExportFormat, Callable[[Loaded, Path, Arrays, Path], Arrays]] = {
    "onnx": _onnx,
    "savedmodel": _saved_model,
}


def _first(arrays: Arrays) -> Arrays:
    """Return the first entry of each array, by name: the first sample, or its outputs."""
    return {name: array[:1] for name, array in arrays.items()}
