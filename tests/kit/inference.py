"""Requests of Open Inference, as tritonclient writes them, and whether an answer is the right one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput

from tests.kit.load import Judge

Array = np.ndarray[Any, Any]
HEADER_LENGTH = "Inference-Header-Content-Length"
SAME = 1e-5
"""Most that an answer may differ from that to the same sample alone: other samples in a batch change the last bits."""


@dataclass(frozen=True)
class InferRequests:
    """Requests with different samples: their path, bodies and headers."""

    path: str
    bodies: Sequence[bytes]
    headers: Mapping[str, str]


def infer_requests(
    model: str, names: tuple[str, str], batches: Sequence[Array], *, binary: bool = True
) -> InferRequests:
    """Returns the requests for some batches.

    Args:
        names: Names of its input and its output.
        batches: What each request holds: so many samples of float32, as many in each.
        binary: Whether tensors go and come as bytes behind the JSON, or as JSON.
    """
    bodies, length = [], None
    for batch in batches:
        asked = InferInput(names[0], list(batch.shape), "FP32")
        asked.set_data_from_numpy(batch, binary_data=binary)
        wanted = InferRequestedOutput(names[1], binary_data=binary)
        body, length = InferenceServerClient.generate_request_body([asked], outputs=[wanted])
        bodies.append(body)
    headers = {"Content-Type": "application/octet-stream" if binary else "application/json"}
    if binary:
        headers[HEADER_LENGTH] = str(length)
    return InferRequests(f"/v2/models/{model}/infer", bodies, headers)


def judge(models: Mapping[str, Path], batches: Sequence[Array]) -> Judge:
    """Returns a function that takes a batch's binary response and returns the ONNX model with that answer, by name."""
    expected = {name: [_answer(path, batch) for batch in batches] for name, path in models.items()}

    def by(number: int, content: bytes) -> str:
        for name, answers in expected.items():
            right = answers[number]
            # The only tensor comes last.
            found = np.frombuffer(content[-right.nbytes :], np.float32)
            if found.size == right.size and np.allclose(found, right.ravel(), rtol=0, atol=SAME):
                return name
        return ""

    return by


def _answer(path: Path, batch: Array) -> Array:
    session = _session(path)
    (answer,) = session.run(None, {session.get_inputs()[0].name: batch})
    return np.asarray(answer)


def _session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
