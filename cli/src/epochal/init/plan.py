"""Builds a first TrainingJob from the description of the data."""

import re
from collections.abc import Mapping
from typing import Any

from epochal_api.kind import API_VERSION
from epochal_api.trainingjob.spec import KIND

from epochal.init.description import DataDescription, Labels
from epochal.init.network import layers

MAX_NAME = 40
"""Maximum characters of the TrainingJob's name: names of buckets and pods consist of this name and a suffix."""
_BASE_MEMORY = 2**30
"""Bytes of memory that Keras and a first network need without the data."""
_COPIES = 3
"""Maximum number of copies of the data in memory, while the trainer reads and splits the data."""
_MANY_SAMPLES = 10_000
_EPOCHS = {"classes": 30, "labels": 30, "numbers": 100}
"""Epochs by task for at most `_MANY_SAMPLES` samples. EarlyStopping may end the training earlier.

Numbers get more epochs, because they may be far from 0, and the outputs of a new network are near 0.
"""
_UNNAMED = "training"


def object_name(text: str) -> str:
    """Return a text as a valid name for a Kubernetes object and a bucket: `iris-data` for `Iris data`."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:MAX_NAME].rstrip("-")
    return name or _UNNAMED


def training_job(
    data: DataDescription, name: str, *, bucket: str, secret: str
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a TrainingJob as plain values, and comments by the path of a field, for `epochal.manifests.write`.

    Args:
        data: The data.
        name: Name of the object.
        bucket: Name of the data bucket.
        secret: Name of the Secret with the access keys of the S3 storage.
    """
    is_large = data.samples is not None and data.samples > _MANY_SAMPLES
    network_layers, layer_comments = layers(data.features, data.labels)
    spec: dict[str, Any] = {
        "storage": {"secretRef": {"name": secret}},
        "data": _data(data, bucket),
        "network": {"input": _input(data), "layers": network_layers},
        "training": {
            "epochs": 10 if is_large else _EPOCHS[data.labels.task],
            "batchSize": 64 if is_large else 32,
            "optimizer": {"name": "Adam", "learning_rate": 0.001},
            "loss": _loss(data.labels),
            "metrics": ["MeanAbsoluteError" if data.labels.task == "numbers" else "accuracy"],
            "seed": 7,
            "callbacks": [
                {"callback": "EarlyStopping", "monitor": "val_loss", "patience": 5, "restore_best_weights": True}
            ],
        },
        "resources": _resources(data.size),
        "results": {"bucket": f"{name}-results"},
    }
    comments = {
        "": f"Written by `epochal init` for {data.source}. Layers and arguments are from Keras: https://keras.io/api/",
        "spec.storage": "The default S3 service of the Epochal installation. For another one, set storage.endpoint.",
        "spec.storage.secretRef": "A Secret with the keys accessKey and secretKey",
        "spec.results": "The bucket must exist.",
        **{f"spec.network.layers[{index}]": text for index, text in layer_comments.items()},
    }
    if data.labels.guess:
        comments["spec.training.loss"] = data.labels.guess
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}, "spec": spec}, comments


def _data(data: DataDescription, bucket: str) -> dict[str, Any]:
    fields: dict[str, Any] = {"bucket": bucket, "train": dict(data.train)}
    if data.validation is not None:
        fields["validation"] = dict(data.validation)
    elif data.labels.task == "classes":
        fields["validation"] = {"split": "0.2", "stratify": True}
    else:
        fields["validation"] = {"split": "0.2"}
        fields["shuffle"] = True
    if data.test is not None:
        fields["test"] = dict(data.test)
    return fields


def _input(data: DataDescription) -> Mapping[str, Any]:
    if data.features.kind == "texts":
        return {"shape": list(data.features.shape), "dtype": "string"}
    shape = data.features.shape or (1,)
    # The trainer adds a missing axis of channels to images.
    return {"shape": [*shape, 1] if len(shape) == 2 else list(shape)}  # noqa: PLR2004


def _loss(labels: Labels) -> str:
    if labels.task == "numbers":
        return "MeanSquaredError"
    if labels.task == "labels":
        return "BinaryCrossentropy"
    return "CategoricalCrossentropy" if labels.are_rows else "SparseCategoricalCrossentropy"


def _resources(size: int | None) -> dict[str, Any]:
    gibibytes = -(-(_BASE_MEMORY + _COPIES * (size or 0)) // 2**30)
    return {"requests": {"cpu": "1", "memory": f"{gibibytes}Gi"}, "limits": {"memory": f"{2 * gibibytes}Gi"}}
