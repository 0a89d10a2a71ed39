"""Runs for the pages of Studio, as the operator and the trainer leave them."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from tests.kit.fake.fields import Object
from tests.kit.studio import BUCKET, NAMESPACE, SECRET, Studio

EXAMPLE: Object = yaml.safe_load((Path(__file__).parents[2] / "manifests/examples/digits.yaml").read_text())
EPOCHS = 8
LOG = "".join(f"Epoch {epoch}/{EPOCHS}  10 s  loss {1 / epoch:.4f}\n" for epoch in range(1, EPOCHS + 1))


def spec(**changes: Any) -> Object:
    """Returns the spec of digits.yaml with the storage of the test."""
    own = {"storage": {"secretRef": {"name": SECRET}}, "results": {"bucket": BUCKET}, "suspend": False}
    return {**EXAMPLE["spec"], **own, **changes}


def running(epoch: int) -> Object:
    """Returns the status of a TrainingJob that runs, after an epoch."""
    now = datetime.now(UTC)
    return {
        "state": "Running",
        "observedGeneration": 1,
        "startTime": text(now - timedelta(seconds=10 * epoch + 30)),
        "jobName": "digits",
        "progress": {
            "epoch": epoch,
            "epochs": EPOCHS,
            "percent": 100 * epoch // EPOCHS,
            "secondsPerEpoch": "10.0",
            "estimatedCompletionTime": text(now + timedelta(seconds=10 * (EPOCHS - epoch))),
            "lastReportTime": text(now),
        },
        "metrics": {"loss": f"{1 / epoch:.4f}", "val_loss": f"{1.1 / epoch:.4f}", "val_accuracy": "0.9"},
        "best": {"epoch": epoch, "metric": "val_loss", "mode": "Min", "value": f"{1.1 / epoch:.4f}"},
        "conditions": [condition("Ready", "True", "JobCreated")],
    }


def complete(studio: Studio, name: str) -> Object:
    """Returns the status of a TrainingJob that is complete."""
    folder = f"s3://{BUCKET}/{NAMESPACE}/{name}/{studio.get('trainingjobs', name)['metadata']['uid']}/"
    return running(EPOCHS) | {
        "state": "Complete",
        "completionTime": text(datetime.now(UTC)),
        "network": {"parameters": 12_345, "layers": 5},
        "test": {"loss": "0.1200", "accuracy": "0.9700"},
        "results": {
            "uri": folder,
            "model": f"{folder}model.keras",
            "log": f"{folder}training.log",
            "models": [
                {"name": "model.keras", "epoch": EPOCHS, "uri": f"{folder}model.keras", "sha256": "0" * 64},
            ],
        },
        "conditions": [condition("Ready", "True", "JobCreated"), condition("Complete", "True", "Finished")],
    }


def failed(reason: str, message: str) -> Object:
    """Returns the status of a TrainingJob that has failed."""
    conditions = [condition("Ready", "False", reason, message), condition("Failed", "True", reason, message)]
    return running(1) | {"state": "Failed", "completionTime": text(datetime.now(UTC)), "conditions": conditions}


def files() -> dict[str, bytes]:
    """Returns the files of a complete training."""
    return {
        "history.csv": history(),
        "training.log": LOG.encode(),
        "summary.json": json.dumps({"epochs": EPOCHS}).encode(),
        "model.keras": b"model",
        "model.onnx": b"onnx",
    }


def history() -> bytes:
    """Returns history.csv: a row for each epoch."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["epoch", "seconds", "learning_rate", "loss", "accuracy", "val_loss", "val_accuracy"])
    rows.writerows([epoch, 10.0, 0.001, 1 / epoch, 1 - 0.1 / epoch, 1.1 / epoch, 0.9] for epoch in range(1, EPOCHS + 1))
    return out.getvalue().encode()


def put_running(studio: Studio, name: str, epoch: int = 2, **changes: Any) -> None:
    """Creates a TrainingJob that runs."""
    studio.put("trainingjobs", name, spec(**changes))
    studio.set_status("trainingjobs", name, **running(epoch))


def put_complete(studio: Studio, name: str, **changes: Any) -> None:
    """Creates a TrainingJob that is complete, with its files in the bucket."""
    studio.put("trainingjobs", name, spec(**changes))
    studio.set_status("trainingjobs", name, **complete(studio, name))
    studio.put_results("trainingjobs", name, files())


def condition(kind: str, status: str, reason: str, message: str = "") -> Object:
    """Returns a condition."""
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": text(datetime.now(UTC)),
    }


def text(time: datetime) -> str:
    """Returns a time as Kubernetes writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
