"""The outputs (answers) of a model that the trainer stored, and their comparison with those in another runtime."""

import io
import zlib
from collections.abc import Mapping
from zipfile import BadZipFile

import numpy as np
from epochal_api.signature import ModelChoice, Signature

from epochal_lib.model_server.errors import ServeError

TEXT = "str"
"""The dtype of text in a signature. An array of this type has Python strings."""
Arrays = Mapping[str, np.ndarray]
"""Arrays by the names of inputs or outputs."""


class AnswersDiffer(Exception):
    """Two arrays of answers differ by more than the tolerance. The message has the name of the output, and how."""


def samples(data: bytes, signature: Signature, which: ModelChoice) -> tuple[Arrays, Arrays]:
    """Return the stored samples for the check: the inputs, and the answers that the trainer stored for them.

    Args:
        data: Content of the file CHECK. See epochal_api.signature.
        signature: The signature of the model.
        which: The model of the training whose answers are returned: Best or Last.

    Raises:
        ServeError: ModelDamaged, if the samples cannot be read.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            inputs = {spec.name: _cast(stored[f"input:{spec.name}"], spec.dtype) for spec in signature.inputs}
            outputs = {
                spec.name: _cast(stored[f"{which.lower()}:{spec.name}"], spec.dtype) for spec in signature.outputs
            }
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        raise ServeError(
            "ModelDamaged", f"cannot read the samples of the model's check ({error}): train or export the model again"
        ) from error
    return inputs, outputs


def check(found: Arrays, expected: Arrays, tolerance: float) -> float:
    """Compare answers with the stored answers, and return their largest absolute difference.

    Raises:
        ServeError: CheckDiffers, if an answer differs by more than the tolerance.
    """
    try:
        return largest_difference(found, expected, tolerance)
    except AnswersDiffer as error:
        raise ServeError(
            "CheckDiffers",
            f"{error}, compared with the stored answers of its export: export the model again with this version's "
            "trainer",
        ) from error


def largest_difference(found: Arrays, expected: Arrays, tolerance: float) -> float:
    """Compare the answers of a model in two runtimes, and return their largest absolute difference.

    Args:
        found: The answers to check. Outputs that `expected` lacks are ignored.
        expected: The correct answers.
        tolerance: Maximum difference in an output, relative to the greatest absolute value of the finite numbers
            expected in this output, or to 1 if 1 is greater.

    Raises:
        AnswersDiffer: If the difference is too large, or an output has another shape or type.
    """
    largest = 0.0
    for name, reference in expected.items():
        output = found[name]
        if (output.shape, _kind(output)) != (reference.shape, _kind(reference)):
            raise AnswersDiffer(
                f'output "{name}": differs by its shape or type: found {output.shape} of {output.dtype}, expected '
                f"{reference.shape} of {reference.dtype}"
            )
        if _kind(reference) == TEXT:
            if (output.astype(str) != reference.astype(str)).any():
                raise AnswersDiffer(f'output "{name}": differs by its text')
            continue
        correct, actual = reference.astype(np.float64), output.astype(np.float64)
        same = (correct == actual) | (np.isnan(correct) & np.isnan(actual))  # infinity minus infinity would be NaN
        gap = np.abs(np.where(same, 0.0, correct) - np.where(same, 0.0, actual))
        difference = float(np.nan_to_num(gap, nan=np.inf, posinf=np.inf).max(initial=0.0))
        bound = tolerance * float(np.abs(correct[np.isfinite(correct)]).max(initial=1.0))
        if difference > bound:
            raise AnswersDiffer(f'output "{name}": differs by {difference:.3g}, expected at most {bound:.3g}')
        largest = max(largest, difference)
    return largest


def decoded(array: np.ndarray) -> np.ndarray:
    """Return an array of TensorFlow's text, which is UTF-8 as bytes, as strings; return other arrays unchanged.

    NumPy itself decodes only ASCII.
    """
    if array.dtype != object:
        return array
    strings = [value.decode(errors="replace") if isinstance(value, bytes) else value for value in array.flat]
    return np.array(strings, object).reshape(array.shape)


def _kind(array: np.ndarray) -> str:
    return TEXT if array.dtype.kind in "OSU" else array.dtype.kind


def _cast(array: np.ndarray, dtype: str) -> np.ndarray:
    return array.astype(object) if dtype == TEXT else array.astype(dtype, copy=False)
