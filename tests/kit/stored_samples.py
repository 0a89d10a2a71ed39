"""The samples that a training stores beside its model, and whether a server answers as Keras did."""

import io
import json
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Self

import numpy as np
from epochal_api.signature import CHECK, SIGNATURE, Signature
from minio import Minio

from tests.kit import buckets
from tests.kit.kubectl import Object, wait
from tests.kit.model_server import ask

CLOSE = 1e-5
"""Most that an answer may differ from that of Keras, because of rounding."""


@dataclass(frozen=True)
class StoredSamples:
    """The samples of a training, the answers of Keras to them, and the stored files."""

    files: dict[str, bytes]
    signature: Signature
    images: np.ndarray
    answers: np.ndarray

    @property
    def output(self) -> str:
        return self.signature.outputs[0].name

    @property
    def input(self) -> str:
        return self.signature.inputs[0].name


def stored_samples(store: Minio, job: Object, which: str) -> StoredSamples:
    """Returns the samples and answers (`which`: Best or Last) that a training has stored."""
    files = buckets.objects(store, job["status"]["results"]["uri"])
    signature = Signature.model_validate_json(files[SIGNATURE])
    with np.load(io.BytesIO(files[CHECK])) as stored:
        images = stored[f"input:{signature.inputs[0].name}"]
        return StoredSamples(files, signature, images, stored[f"{which.lower()}:{signature.outputs[0].name}"])


def infer(address: str, name: str, samples: StoredSamples) -> np.ndarray:
    """Returns the answers of a server to all samples, by Open Inference as JSON."""
    image = {
        "name": samples.input,
        "shape": samples.images.shape,
        "datatype": "FP32",
        "data": samples.images.tolist(),
    }
    code, answer = ask(f"{address}/v2/models/{name}/infer", json.dumps({"inputs": [image]}).encode())
    assert code == 200, answer
    assert [item["name"] for item in answer["outputs"]] == [samples.output]
    (output,) = answer["outputs"]
    return np.array(output["data"], np.float32).reshape(output["shape"])


@dataclass
class RequestLoop:
    """Sends requests to a server all the time, each over a new connection; use it as a context manager."""

    address: str
    name: str
    samples: StoredSamples
    answers: list[np.ndarray] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._left.wait(0.03):
            try:
                self.answers.append(infer(self.address, self.name, self.samples))
            except (AssertionError, OSError, HTTPException) as error:
                self.failures.append(f"{time.strftime('%X')} {error!r}")

    def wait_answers(self, count: int) -> None:
        before = len(self.answers)
        wait(f"{count} answers", lambda: self.failures or len(self.answers) >= before + count, seconds=60)

    def answers_are(self, *expected: np.ndarray) -> bool:
        return all(any(np.allclose(answer, other, atol=CLOSE) for other in expected) for answer in self.answers)
