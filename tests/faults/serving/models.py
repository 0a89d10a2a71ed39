"""Models that must not be rolled out."""

import hashlib
import io
import json
from dataclasses import dataclass

import numpy as np
from epochal_api.signature import CHECK, SIGNATURE

from tests.faults.serving.bed import BUCKET, Bed
from tests.kit.kubectl import Object
from tests.kit.trained_model import ONNX, TrainedModel


@dataclass(frozen=True)
class Files:
    model: bytes
    sha256: str
    """Digest in the spec of the ModelServer."""
    signature: bytes | None = None
    check: bytes | None = None

    def put(self, bed: Bed, folder: str) -> Object:
        """Uploads the files, and returns a source for a ModelServer."""
        for name, content in ((ONNX, self.model), (SIGNATURE, self.signature), (CHECK, self.check)):
            if content is not None:
                key = f"{folder}/{name}"
                bed.store.put_object(BUCKET, key, io.BytesIO(content), len(content))
        return {"uri": f"s3://{BUCKET}/{folder}/{ONNX}", "sha256": self.sha256}


def damaged(network: TrainedModel) -> Files:
    """Returns a model with a flipped bit, whose digest does not match."""
    model = bytearray(network.onnx.read_bytes())
    model[len(model) // 2] ^= 1
    return Files(bytes(model), network.sha256())


def broken(_: TrainedModel) -> Files:
    """Returns a file that is no model, with the right digest."""
    model = b"this is no model"
    return Files(model, _digest(model))


def differing(network: TrainedModel) -> Files:
    """Returns a model whose answers differ from those of its export."""
    with np.load(network.folder / CHECK) as stored:
        arrays = {name: stored[name] if name.startswith("input:") else 1 - stored[name] for name in stored.files}
    check = io.BytesIO()
    np.savez(check, allow_pickle=False, **arrays)
    signature = json.loads((network.folder / SIGNATURE).read_bytes())
    signature["check"]["sha256"] = _digest(check.getvalue())
    return Files(network.onnx.read_bytes(), network.sha256(), json.dumps(signature).encode(), check.getvalue())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
