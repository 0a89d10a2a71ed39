"""Models that must not be rolled out."""

import hashlib
import io
import json
from dataclasses import dataclass

import numpy as np
from epochal_api.signature import CHECK, SIGNATURE

from tests.faults.serving.bed import BUCKET, Bed
from tests.kit.kubectl import Object
from tests.kit.trained import ONNX, Trained


@dataclass(frozen=True)
class Files:
    """What lies in the folder of a model."""

    model: bytes
    sha256: str
    """The digest that a ModelServer is told."""
    signature: bytes | None = None
    check: bytes | None = None

    def put(self, bed: Bed, folder: str) -> Object:
        """Uploads them, and returns the source of a ModelServer that is to serve them."""
        for name, content in ((ONNX, self.model), (SIGNATURE, self.signature), (CHECK, self.check)):
            if content is not None:
                key = f"{folder}/{name}"
                bed.store.put_object(BUCKET, key, io.BytesIO(content), len(content))
        return {"uri": f"s3://{BUCKET}/{folder}/{ONNX}", "sha256": self.sha256}


def damaged(network: Trained) -> Files:
    """Returns a model of which a bit has changed since its digest was taken."""
    model = bytearray(network.onnx.read_bytes())
    model[len(model) // 2] ^= 1
    return Files(bytes(model), network.sha256())


def broken(_: Trained) -> Files:
    """Returns what is no model at all, though its digest is right."""
    model = b"this is no model"
    return Files(model, _digest(model))


def differing(network: Trained) -> Files:
    """Returns a model that answers otherwise than it did when it was exported."""
    with np.load(network.folder / CHECK) as stored:
        arrays = {name: stored[name] if name.startswith("input:") else 1 - stored[name] for name in stored.files}
    check = io.BytesIO()
    np.savez(check, allow_pickle=False, **arrays)
    told = json.loads((network.folder / SIGNATURE).read_bytes())
    told["check"]["sha256"] = _digest(check.getvalue())
    return Files(network.onnx.read_bytes(), network.sha256(), json.dumps(told).encode(), check.getvalue())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
