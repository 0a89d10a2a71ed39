"""Networks that were trained for a moment, to be served: whatever their weights, they compute the same."""

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
class Trained:
    """A network and what its training has left.

    Args:
        name: Its name.
        folder: Where it lies: model.keras, model.onnx, signature.json and what else there is.
    """

    name: str
    folder: Path

    @property
    def signature(self) -> Signature:
        """What it takes and gives."""
        return Signature.model_validate_json((self.folder / SIGNATURE).read_bytes())

    @property
    def names(self) -> tuple[str, str]:
        """The names of its input and its output."""
        signature = self.signature
        return signature.inputs[0].name, signature.outputs[0].name

    @property
    def onnx(self) -> Path:
        """It, as ONNX."""
        return self.folder / ONNX

    @property
    def saved_model(self) -> Path:
        """It, as TensorFlow's SavedModel, unpacked."""
        folder = self.folder / "saved_model"
        if not folder.exists():
            with zipfile.ZipFile(self.folder / "model.savedmodel.zip") as archive:
                archive.extractall(folder)
        (found,) = folder.rglob("saved_model.pb")
        return found.parent

    def sha256(self, file: str = ONNX) -> str:
        """Returns the digest of a file."""
        return hashlib.sha256((self.folder / file).read_bytes()).hexdigest()

    def put(self, store: Minio, bucket: str, folder: str, files: Iterable[str] = (ONNX, SIGNATURE, CHECK)) -> Object:
        """Uploads it, and returns the source of a ModelServer that serves it."""
        buckets.fill(store, bucket, [])
        for file in files:
            store.fput_object(bucket, f"{folder}/{file}", str(self.folder / file))
        return {"uri": f"s3://{bucket}/{folder}/{ONNX}", "sha256": self.sha256()}


def train(document: Object, data: Path, results: Path, *, exports: Iterable[str] = ("onnx",)) -> Trained:
    """Trains a network, as `epochal-trainer run` does without a cluster.

    Args:
        document: The TrainingJob.
        data: Folder with its data.
        results: Folder for its results, another one for each training.
        exports: What its model is exported as.
    """
    name = document["metadata"]["name"]
    spec = document["spec"] | {"results": document["spec"]["results"] | {"exports": [*exports]}}
    results.mkdir(parents=True)
    job = results / "job.yaml"
    job.write_text(yaml.safe_dump(document | {"spec": spec}))
    command = [sys.executable, "-m", "epochal_trainer", "run", str(job), "--data", str(data), "--results", str(results)]
    ended = subprocess.run(command, check=False, text=True, capture_output=True, timeout=SECONDS)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (signature,) = results.rglob(SIGNATURE)
    return Trained(name, signature.parent)
