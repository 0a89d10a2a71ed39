"""Whether an exported model answers as Keras does."""

from pathlib import Path

import numpy as np
import onnxruntime

from epochal_trainer.export.tensors import Arrays

TOLERANCE = 1e-4
"""Most that answers may differ, relative to the greatest absolute value of Keras' own, or to 1 if that is greater."""
_OF_TYPES = {"float16": 1e-2, "bfloat16": 5e-2}
"""The same for networks that were trained to compute in types as coarse as that, and are served in float32."""


class Differs(Exception):
    """Answers that are not those of Keras: how far, and where."""


def tolerance_of(precision: str) -> float:
    """Returns how far answers may be from those of a model as it was trained.

    Args:
        precision: What it was trained in.
    """
    return _OF_TYPES.get(precision, TOLERANCE)


def difference(expected: Arrays, found: Arrays, tolerance: float) -> float:
    """Compares answers.

    Args:
        expected: What Keras answers, by output.
        found: What is to be the same.
        tolerance: Most that they may differ, as TOLERANCE.

    Returns:
        The largest absolute difference.

    Raises:
        Differs: If it is too large, or answers are of another shape or type.
    """
    largest = 0.0
    for name, wanted in expected.items():
        got = found[name]
        if (got.shape, got.dtype.kind) != (wanted.shape, wanted.dtype.kind):
            of = f"{got.shape} of {got.dtype}, and Keras gives {wanted.shape} of {wanted.dtype}"
            raise Differs(f"the output {name!r} has the shape {of}")
        if wanted.dtype.kind in "OSU":
            if (got.astype(str) != wanted.astype(str)).any():
                raise Differs(f"the output {name!r} gives other words than Keras")
            continue
        # Where both are the same they may be infinite, or no number.
        one, other = wanted.astype(np.float64), got.astype(np.float64)
        same = (one == other) | (np.isnan(one) & np.isnan(other))
        gap = np.where(same, 0.0, np.abs(np.where(same, 0.0, one) - np.where(same, 0.0, other)))
        most = float(np.nan_to_num(gap, nan=np.inf, posinf=np.inf).max(initial=0.0))
        finite = np.abs(one[np.isfinite(one)])
        bound = tolerance * max(1.0, float(finite.max(initial=0.0)))
        if most > bound:
            raise Differs(f"the output {name!r} differs by {most:.3g}, and may by {bound:.3g}")
        largest = max(largest, most)
    return largest


class Session:
    """A model of ONNX, ready to answer.

    Args:
        path: The file.

    Raises:
        Exception: Whatever ONNX Runtime raises of a file that it cannot load.
    """

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what it refuses, it raises
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.inputs = [one.name for one in self._session.get_inputs()]
        self.outputs = [one.name for one in self._session.get_outputs()]

    def answer(self, inputs: Arrays) -> Arrays:
        """Returns what it answers, by output."""
        given = self._session.run(self.outputs, {name: inputs[name] for name in self.inputs})
        return dict(zip(self.outputs, given, strict=True))
