"""The results of a training, and whether they are those of another training bit for bit."""

import csv
import io
import json
import zipfile
from itertools import zip_longest
from typing import Any

import h5py
import numpy as np
from minio import Minio

from tests.kit import buckets
from tests.kit.kubectl import Object

Arrays = dict[str, np.ndarray[Any, Any]]


class Results:
    def __init__(self, store: Minio, status: Object) -> None:
        self.bucket, _, self.folder = status["results"]["uri"].removeprefix("s3://").rstrip("/").partition("/")
        self._store = store
        self.weights = self._weights()
        self.history = self._history()
        summary = json.loads(self.read("summary.json"))
        self.test = summary["test"]
        self.models = [(model["name"], model["epoch"], model["weights"]) for model in summary["models"]]

    def read(self, name: str) -> bytes:
        return buckets.read(self._store, self.bucket, f"{self.folder}/{name}")

    def differences(self, other: "Results") -> list[str]:
        """Returns the differences between the results of two trainings; empty if there are none."""
        found = [f"{name} is in one only" for name in self.weights.keys() ^ other.weights.keys()]
        for name in sorted(self.weights.keys() & other.weights.keys()):
            one, two = self.weights[name], other.weights[name]
            if one.dtype != two.dtype or one.tobytes() != two.tobytes():
                found.append(f"{name} differs in {np.count_nonzero(one != two)} of {one.size} values")
        if self.history != other.history:
            pairs = enumerate(zip_longest(self.history, other.history), 1)
            first = next(epoch for epoch, (one, two) in pairs if one != two)
            rows = f"{len(self.history)} and {len(other.history)} rows"
            found.append(f"history.csv has {rows}, and they differ from epoch {first} on")
        if self.test != other.test:
            found.append(f"test figures are {self.test} and {other.test}")
        if self.models != other.models:
            found.append(f"models are {self.models} and {other.models}")
        return found

    def _weights(self) -> Arrays:
        """Returns all that is in the model's file: the variables of its layers and of its optimizer."""
        arrays: Arrays = {}

        def take(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                arrays[name] = item[()]

        with zipfile.ZipFile(io.BytesIO(self.read("model.keras"))) as archive:
            content = archive.read("model.weights.h5")
        with h5py.File(io.BytesIO(content)) as file:
            file.visititems(take)
        assert arrays, "a model without weights proves nothing"
        return arrays

    def _history(self) -> list[dict[str, str]]:
        rows = csv.DictReader(io.StringIO(self.read("history.csv").decode()))
        return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]
