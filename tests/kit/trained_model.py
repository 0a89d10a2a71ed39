"""Networks that are trained for a moment, to be served: their weights do not matter for the time of an answer."""

import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml
from epochal_api.signature import CHECK, SIGNATURE, Signature
from minio import Minio

from tests.kit import buckets
from tests.kit.kubectl import Object

ONNX = "model.onnx"
SECONDS = 600


@dataclass(frozen=True)
class TrainedModel:
    """A network and its files: model.keras, model.onnx, signature.json and others."""

    name: str
    folder: Path

    @property
    def signature(self) -> Signature:
        return Signature.model_validate_json((self.folder / SIGNATURE).read_bytes())

    @property
    def names(self) -> tuple[str, str]:
        signature = self.signature
        return signature.inputs[0].name, signature.outputs[0].name

    @property
    def onnx(self) -> Path:
        return self.folder / ONNX

    @property
    def saved_model(self) -> Path:
        """The unpacked SavedModel of TensorFlow."""
        folder = self.folder / "saved_model"
        if not folder.exists():
            with zipfile.ZipFile(self.folder / "model.savedmodel.zip") as archive:
                archive.extractall(folder)
        (found,) = folder.rglob("saved_model.pb")
        return found.parent

    def sha256(self, file: str = ONNX) -> str:
        return hashlib.sha256((self.folder / file).read_bytes()).hexdigest()

    def put(self, store: Minio, bucket: str, folder: str, files: Iterable[str] = (ONNX, SIGNATURE, CHECK)) -> Object:
        """Uploads the network, and returns a source for a ModelServer."""
        buckets.fill(store, bucket, [])
        for file in files:
            store.fput_object(bucket, f"{folder}/{file}", str(self.folder / file))
        return {"uri": f"s3://{bucket}/{folder}/{ONNX}", "sha256": self.sha256()}


def train(document: Object, data: Path, results: Path, *, exports: Iterable[str] = ("onnx",)) -> TrainedModel:
    """Trains a network as `epochal-trainer run` does without a cluster; `results` must be a new folder."""
    name = document["metadata"]["name"]
    spec = document["spec"] | {"results": document["spec"]["results"] | {"exports": [*exports], "evaluation": False}}
    results.mkdir(parents=True)
    job = results / "job.yaml"
    job.write_text(yaml.safe_dump(document | {"spec": spec}))
    command = [sys.executable, "-m", "epochal_trainer", "run", str(job), "--data", str(data), "--results", str(results)]
    ended = subprocess.run(command, check=False, text=True, capture_output=True, timeout=SECONDS)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (signature,) = results.rglob(SIGNATURE)
    return TrainedModel(name, signature.parent)
