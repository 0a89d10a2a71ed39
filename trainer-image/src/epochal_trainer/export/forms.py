"""Makes each form of a model, and makes sure that it answers as Keras does."""

from collections.abc import Callable, Mapping
from pathlib import Path

from epochal_api.storage import ExportFormat

from epochal_trainer.export.answers import TOLERANCE, Differs, Session, difference, tolerance_of
from epochal_trainer.export.blame import first_that_differs, first_that_fails
from epochal_trainer.export.loading import Loaded
from epochal_trainer.export.request import DIFFERS, NOT_EXPORTABLE
from epochal_trainer.export.tensors import Arrays, answer
from epochal_trainer.export.to_onnx import NotExportable, to_onnx
from epochal_trainer.export.to_saved_model import answers_of, to_saved_model
from epochal_trainer.export.tracing import blamed
from epochal_trainer.model.keras_objects import explain


class Fault(Exception):
    """A form that cannot be made of a model.

    Args:
        reason: Why, in one word.
        message: What was found, for people, with the layer's name.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def make(form: ExportFormat, loaded: Loaded, path: Path, *, inputs: Arrays, answers: Arrays, scratch: Path) -> float:
    """Writes a form of a model.

    Args:
        form: The form.
        loaded: The model.
        path: The file. It is there only if it is in order.
        inputs: Samples.
        answers: What Keras answers to them, as the model was trained.
        scratch: Folder for files on the way.

    Returns:
        The largest absolute difference of its answers.

    Raises:
        Fault: If there is no such form of it, or it answers otherwise.
    """
    try:
        found = _MAKERS[form](loaded, path, inputs, scratch)
        return difference(answers, found, tolerance_of(loaded.precision))
    except Differs as error:
        path.unlink()
        raise Fault(DIFFERS, f"computed in float32, and not in {loaded.precision}, {error}") from error
    except Fault:
        path.unlink(missing_ok=True)
        raise


def _onnx(loaded: Loaded, path: Path, inputs: Arrays, scratch: Path) -> Arrays:
    """Makes ONNX of a model, and returns what that answers."""
    model, trial = loaded.served, scratch / "trial.onnx"
    try:
        to_onnx(model, path)
        session = Session(path)
    except NotExportable as error:
        where = error.layer or first_that_fails(model, trial) or _WHOLE
        raise Fault(NOT_EXPORTABLE, f"{where} {error}") from error
    except Exception as error:
        where = blamed(str(error), model) or first_that_fails(model, trial) or _WHOLE
        said = explain(error).replace(str(path), path.name)
        raise Fault(NOT_EXPORTABLE, f"{where} cannot be computed by ONNX Runtime ({said})") from error
    try:
        expected, found = answer(model, inputs), session.answer(inputs)
        difference(expected, found, TOLERANCE)
        # One at a time, too: a graph may hold the number of samples that it was made with.
        difference(_first(expected), session.answer(_first(inputs)), TOLERANCE)
    except Differs as error:
        first = first_that_differs(model, inputs, trial)
        raise Fault(DIFFERS, f"{error}" + (f", from {first} on" if first else "")) from error
    except Exception as error:
        where = blamed(str(error), model) or _WHOLE
        raise Fault(NOT_EXPORTABLE, f"{where} fails in ONNX Runtime ({explain(error)})") from error
    return found


def _saved_model(loaded: Loaded, path: Path, inputs: Arrays, scratch: Path) -> Arrays:
    """Makes a SavedModel of a model, and returns what that answers."""
    try:
        to_saved_model(loaded.served, path, scratch)
        found = answers_of(path, loaded.served, inputs, scratch)
    except Exception as error:
        raise Fault(NOT_EXPORTABLE, f"{_WHOLE} cannot be told in a SavedModel ({explain(error)})") from error
    try:
        difference(answer(loaded.served, inputs), found, TOLERANCE)
    except Differs as error:
        raise Fault(DIFFERS, str(error)) from error
    return found


_WHOLE = "the network"
_MAKERS: Mapping[ExportFormat, Callable[[Loaded, Path, Arrays, Path], Arrays]] = {
    "onnx": _onnx,
    "savedmodel": _saved_model,
}


def _first(arrays: Arrays) -> Arrays:
    """Returns the first of some samples, or of the answers to them."""
    return {name: array[:1] for name, array in arrays.items()}
