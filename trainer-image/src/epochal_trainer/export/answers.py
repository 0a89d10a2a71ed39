"""The outputs of a model in ONNX Runtime, and the tolerance of their comparison with those of Keras."""

from pathlib import Path

import onnxruntime
from epochal_lib.model_server.answers import Arrays

TOLERANCE = 1e-4
"""Maximum difference of outputs, relative to Keras' greatest absolute value, or to 1 if 1 is greater."""
_OF_TYPES = {"float16": 1e-2, "bfloat16": 5e-2}
"""The same for networks that were trained in such a coarse type and are served in float32."""


def tolerance_of(precision: str) -> float:
    """Return the maximum difference between outputs in float32 and those of the model as it was trained.

    Args:
        precision: The precision of the training.
    """
    return _OF_TYPES.get(precision, TOLERANCE)


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
