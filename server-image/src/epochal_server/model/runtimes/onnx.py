"""The runtime for ONNX models: ONNX Runtime, on CPUs."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from epochal_api.signature import Signature, TensorSpec
from epochal_lib.model_server.errors import ServeError

from epochal_server.model.model import Arrays, Platform
from epochal_server.model.runtimes.runtime import match_tensors

DTYPES = {
    "tensor(double)": "float64",
    "tensor(float)": "float32",
    "tensor(string)": "str",
    **{f"tensor({name})": name for name in ("bool", "float16", "int8", "int16", "int32", "int64")},
    **{f"tensor({name})": name for name in ("uint8", "uint16", "uint32", "uint64")},
}
"""The dtype in a signature for each supported tensor type of ONNX."""
ERRORS = 3
"""Log level of ONNX Runtime: only errors, because it logs warnings about details of each model."""


class Onnx:
    """An ONNX model. See Runtime."""

    platform: Platform = "onnxruntime_onnx"

    def __init__(self, session: ort.InferenceSession, signature: Signature | None, *, has_check: bool) -> None:
        self._session = session
        inputs, outputs = session.get_inputs(), session.get_outputs()
        batches = {_batch(node) for node in (*inputs, *outputs)}
        fixed = batches - {None}
        if len(fixed) > 1:
            raise ServeError(
                "ModelRefused",
                f"expected one batch size for all inputs and outputs, found {fixed}: export the model again",
            )
        self.max_batch_size = next(iter(fixed), None)
        self.inputs = [_spec(node) for node in inputs]
        self.outputs = [_spec(node) for node in outputs]
        names, self._output_names = [node.name for node in inputs], [node.name for node in outputs]
        if signature is not None:
            names = match_tensors(signature.inputs, self.inputs, "inputs", has_check=has_check)
            self._output_names = match_tensors(signature.outputs, self.outputs, "outputs", has_check=has_check)
            self.inputs, self.outputs = signature.inputs, signature.outputs
        self._names = [spec.name for spec in self.outputs]
        pairs = [(spec.name, own) for spec, own in zip(self.inputs, names, strict=True)]
        self._renamed_inputs = pairs if any(name != own for name, own in pairs) else []

    def run(self, inputs: Arrays) -> Arrays:
        """Return the model's outputs for the inputs. See Runtime."""
        if self._renamed_inputs:
            inputs = {own: inputs[name] for name, own in self._renamed_inputs}
        if self.max_batch_size is not None:
            return self._padded(inputs, self.max_batch_size)
        return dict(zip(self._names, self._session.run(self._output_names, inputs), strict=True))

    def _padded(self, inputs: Arrays, size: int) -> Arrays:
        """Return the outputs of a model with a fixed batch size. The last sample is repeated to fill the batch.

        The outputs for the repeated samples are removed.
        """
        count = len(next(iter(inputs.values())))
        full = {
            name: np.concatenate([array, np.repeat(array[-1:], size - count, axis=0)]) for name, array in inputs.items()
        }
        outputs = self._session.run(self._output_names, full)
        return {name: array[:count] for name, array in zip(self._names, outputs, strict=True)}


def load(path: Path, signature: Signature | None, threads: int, *, has_check: bool) -> Onnx:
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
            f"ONNX Runtime {ort.__version__} cannot load the model ({error}): export it to one file, with operators "
            "that this version supports",
        ) from error
    return Onnx(session, signature, has_check=has_check)


def _batch(node: Any) -> int | None:
    if not node.shape:
        raise ServeError(
            "ModelRefused",
            f"{node.name}: expected the batch axis as first axis, found a scalar: export the model again",
        )
    first = node.shape[0]
    return first if isinstance(first, int) else None


def _spec(node: Any) -> TensorSpec:
    if node.type not in DTYPES:
        raise ServeError(
            "ModelRefused",
            f"{node.name}: expected a type of {sorted(DTYPES)}, found {node.type}: export the model again",
        )
    shape = [axis if isinstance(axis, int) else -1 for axis in node.shape[1:]]
    return TensorSpec(name=node.name, shape=shape, dtype=DTYPES[node.type])
