"""Compares the model's answers to stored samples with those at export. A difference shows another model or code."""

import io
import zlib
from collections.abc import Iterator
from zipfile import BadZipFile

import numpy as np
from epochal_api.signature import Signature, Which

from epochal_server.ending import Ended
from epochal_server.model.model import TEXT, Arrays
from epochal_server.model.runtimes.runtime import Runtime


def samples(data: bytes, signature: Signature, which: Which) -> tuple[Arrays, Arrays]:
    """Return the stored samples for the check: the inputs and the model's answers to them.

    Args:
        data: Content of the file. See epochal_api.signature.CHECK.
        signature: The signature of the model.
        which: The model of the training that gave the answers.

    Raises:
        Ended: ModelDamaged, if the samples cannot be read.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            inputs = {spec.name: _as_told(stored[f"input:{spec.name}"], spec.dtype) for spec in signature.inputs}
            outputs = {
                spec.name: _as_told(stored[f"{which.lower()}:{spec.name}"], spec.dtype) for spec in signature.outputs
            }
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        raise Ended(
            "ModelDamaged", f"the samples of the model's check cannot be read ({error}): train or export it again"
        ) from error
    return inputs, outputs


def run(runtime: Runtime, inputs: Arrays, most: int) -> Arrays:
    """Return a model's answers to samples, computed in batches of at most `most` samples."""
    count = len(next(iter(inputs.values())))
    parts = [
        runtime.run({name: array[begin : begin + most] for name, array in inputs.items()})
        for begin in range(0, count, most)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def check(found: Arrays, expected: Arrays, tolerance: float) -> float:
    """Check that a model gives the same answers as at export.

    Args:
        found: The answers of the loaded model.
        expected: The stored answers.
        tolerance: Maximum difference, as a part of the largest expected value. See Signature.

    Returns:
        The largest difference.

    Raises:
        Ended: CheckDiffers, if an answer differs by more.
    """
    largest = 0.0
    for name, difference, scale in _differences(found, expected):
        if not difference <= tolerance * scale:
            raise Ended(
                "CheckDiffers",
                f'output "{name}": differs by {difference:.2g} from what the model answered to the same samples when '
                f"it was exported, and may by {tolerance * scale:.2g}: export it again with this version's trainer",
            )
        largest = max(largest, difference)
    return largest


def _differences(found: Arrays, expected: Arrays) -> Iterator[tuple[str, float, float]]:
    """Yield the name, the largest difference and the scale of the tolerance for each output."""
    for name, wanted in expected.items():
        answer = found[name]
        if answer.shape != wanted.shape:
            yield name, float("inf"), 1.0
        elif wanted.dtype.kind in "fiu":
            one, other = answer.astype(np.float64), wanted.astype(np.float64)
            same = (one == other) | (np.isnan(one) & np.isnan(other))  # infinity minus infinity would be NaN
            apart = np.abs(np.where(same, 0.0, one) - np.where(same, 0.0, other))
            finite = np.abs(other[np.isfinite(other)])
            yield name, float(apart.max(initial=0.0)), float(finite.max(initial=1.0))
        else:
            yield name, 0.0 if bool((answer == wanted).all()) else float("inf"), 1.0


def _as_told(array: np.ndarray, dtype: str) -> np.ndarray:
    return array.astype(object) if dtype == TEXT else array.astype(dtype, copy=False)
