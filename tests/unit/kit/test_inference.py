"""An answer is right only if it is the model's answer to that request."""

from pathlib import Path

import numpy as np
from epochal_server.protocols.v2 import encode
from epochal_server.protocols.v2_request import Decoder

from tests.kit.inference import HEADER_LENGTH, infer_requests, judge
from tests.kit.models import model, signature, softmax
from tests.kit.served import spec

WEIGHTS = np.array([[1, -1], [0.5, 2], [0, 0.25]])
BATCHES = [np.array([[1, 2, number]], np.float32) for number in range(3)]
NAMES = "features", "probabilities"
SERVED = model(signature([spec(NAMES[0], [3], "float32")], [spec(NAMES[1], [2], "float32")]))


def probabilities(samples: np.ndarray, weights: np.ndarray = WEIGHTS) -> np.ndarray:
    logits = np.exp(samples @ weights)
    return np.asarray(logits / logits.sum(axis=1, keepdims=True), np.float32)


def test_requests_are_valid_open_inference() -> None:
    for binary in (True, False):
        asked = infer_requests("digits", NAMES, BATCHES, binary=binary)
        assert asked.path == "/v2/models/digits/infer"
        for body, batch in zip(asked.bodies, BATCHES, strict=True):
            inputs, request = Decoder(SERVED).decode(body, asked.headers.get(HEADER_LENGTH))
            np.testing.assert_array_equal(inputs["features"], batch)
            assert request.outputs[0].binary == binary


def test_the_judge_names_the_model_of_an_answer(tmp_path: Path) -> None:
    models = {name: tmp_path / f"{name}.onnx" for name in ("one", "other")}
    models["one"].write_bytes(softmax(WEIGHTS))
    models["other"].write_bytes(softmax(-WEIGHTS))
    by = judge(models, BATCHES)
    asked = infer_requests("digits", NAMES, BATCHES)

    def answer(number: int, weights: np.ndarray) -> bytes:
        _, request = Decoder(SERVED).decode(asked.bodies[number], asked.headers[HEADER_LENGTH])
        return encode(request, SERVED, {"probabilities": probabilities(BATCHES[number], weights)}).content

    for number in range(len(BATCHES)):
        assert by(number, answer(number, WEIGHTS)) == "one"
        assert by(number, answer(number, -WEIGHTS)) == "other"
        assert by(number, answer((number + 1) % len(BATCHES), WEIGHTS)) == ""
    assert by(0, b'{"error": "no"}') == ""
    assert by(0, b"") == ""
