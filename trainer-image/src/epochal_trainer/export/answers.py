"""Comparison of an exported model's outputs with those of Keras."""

from pathlib import Path

import numpy as np
import onnxruntime

from epochal_trainer.export.tensors import Arrays

TOLERANCE = 1e-4
"""Maximum difference of outputs, relative to Keras' greatest absolute value, or to 1 if 1 is greater."""
_OF_TYPES = {"float16": 1e-2, "bfloat16": 5e-2}
"""The same for networks that were trained in such a coarse type and are served in float32."""


class Differs(Exception):
    """The outputs differ from those of Keras. The message has the output and the difference."""


def tolerance_of(precision: str) -> float:
    """Return the maximum difference between outputs in float32 and those of the model as it was trained.

    Args:
        precision: The precision of the training.
    """
    return _OF_TYPES.get(precision, TOLERANCE)


def difference(expected: Arrays, found: Arrays, tolerance: float) -> float:
    """Compare two sets of outputs, and return their largest difference.

    Args:
        expected: Keras' outputs, by name.
        found: The outputs of the exported model.
        tolerance: Maximum difference, as TOLERANCE.

    Returns:
        The largest absolute difference.

    Raises:
        Differs: If the difference is too large, or an output has another shape or type.
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
        # Equal values may be infinite or NaN.
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
    """An ONNX model in ONNX Runtime.

    Args:
        path: The file.

    Raises:
        Exception: Any exception of ONNX Runtime for a file that it cannot load.
    """

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # errors are raised, so they need no log
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.inputs = [one.name for one in self._session.get_inputs()]
        self.outputs = [one.name for one in self._session.get_outputs()]

    def answer(self, inputs: Arrays) -> Arrays:
        """Return the model's outputs for some inputs, by name."""
        given = self._session.run(self.outputs, {name: inputs[name] for name in self.inputs})
        return dict(zip(self.outputs, given, strict=True))
