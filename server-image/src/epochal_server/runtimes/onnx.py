"""The runtime for ONNX models: ONNX Runtime, on CPUs."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from epochal_api.signature import Signature, TensorSpec
from epochal_lib.model_server.errors import ServeError

from epochal_server.model import Arrays, Platform
from epochal_server.runtimes.pairing import paired

DTYPES = {
    "tensor(bool)": "bool",
    "tensor(double)": "float64",
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(int8)": "int8",
    "tensor(string)": "str",
    "tensor(uint16)": "uint16",
    "tensor(uint32)": "uint32",
    "tensor(uint64)": "uint64",
    "tensor(uint8)": "uint8",
}
"""The tensor types of ONNX that NumPy supports."""
ERRORS = 3
"""Log level of ONNX Runtime: errors, without its warnings about details of each model."""


class Onnx:
    """An ONNX model. See Runtime.

    Args:
        session: Session with the loaded model.
        signature: The signature of the model, or None.
        checked: See Load.
    """

    platform: Platform = "onnxruntime_onnx"

    def __init__(self, session: ort.InferenceSession, signature: Signature | None, *, checked: bool) -> None:
        self._session = session
        takes, gives = session.get_inputs(), session.get_outputs()
        batches = {_batch(node) for node in (*takes, *gives)}
        fixed = batches - {None}
        if len(fixed) > 1:
            raise ServeError("ModelRefused", f"each input and output must hold as many samples, found {fixed}")
        self.most = next(iter(fixed), None)
        self.inputs = [_spec(node) for node in takes]
        self.outputs = [_spec(node) for node in gives]
        names, self._gives = [node.name for node in takes], [node.name for node in gives]
        if signature is not None:
            names = paired(signature.inputs, self.inputs, "inputs", checked=checked)
            self._gives = paired(signature.outputs, self.outputs, "outputs", checked=checked)
            self.inputs, self.outputs = signature.inputs, signature.outputs
        self._names = [spec.name for spec in self.outputs]
        pairs = [(spec.name, own) for spec, own in zip(self.inputs, names, strict=True)]
        self._renamed = pairs if any(name != own for name, own in pairs) else []

    def run(self, inputs: Arrays) -> Arrays:
        """Return the outputs. See Runtime."""
        if self._renamed:
            inputs = {own: inputs[name] for name, own in self._renamed}
        if self.most is not None:
            return self._padded(inputs, self.most)
        return dict(zip(self._names, self._session.run(self._gives, inputs), strict=True))

    def _padded(self, inputs: Arrays, size: int) -> Arrays:
        """Return the outputs of a model with a fixed batch size. The last sample is repeated to fill the batch."""
        count = len(next(iter(inputs.values())))
        full = {
            name: np.concatenate([array, np.repeat(array[-1:], size - count, axis=0)]) for name, array in inputs.items()
        }
        outputs = self._session.run(self._gives, full)
        return {name: array[:count] for name, array in zip(self._names, outputs, strict=True)}


def load(path: Path, signature: Signature | None, threads: int, *, checked: bool) -> Onnx:
    """Return the loaded model. See Load."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS
    # Waiting threads sleep: spinning would take more from processes on the same CPU than this server would gain.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the library has a dozen exceptions without a common base
        raise ServeError(
            "ModelRefused",
            f"ONNX Runtime {ort.__version__} cannot load it ({error}): export it with operators that this "
            "version knows, in one file",
        ) from error
    return Onnx(session, signature, checked=checked)


def _batch(node: Any) -> int | None:
    if not node.shape:
        raise ServeError("ModelRefused", f"{node.name} must have a first axis for the samples, found a single value")
    first = node.shape[0]
    return first if isinstance(first, int) else None


def _spec(node: Any) -> TensorSpec:
    if node.type not in DTYPES:
        raise ServeError("ModelRefused", f"{node.name} must be a tensor of {sorted(DTYPES)}, found {node.type}")
    shape = [axis if isinstance(axis, int) else -1 for axis in node.shape[1:]]
    return TensorSpec(name=node.name, shape=shape, dtype=DTYPES[node.type])
