"""A manifest while it is imported: its fields, its comments, and the details that are lost."""

import re
from collections.abc import Mapping
from typing import Any

from epochal_api.kind import API_VERSION
from epochal_api.trainingjob import spec as trainingjob

from epochal.importers.reading import shown

MAX_WARNINGS = 200
"""Maximum number of warnings. The last of them then gives the number of the others."""
_ORDER = ("storage", "data", "network", "training", "resources", "scheduling", "results")
"""Fields of the spec of a TrainingJob in the order of the documents."""
_SECRET = "minio-credentials"  # noqa: S105 - the name of a Secret, as in all examples
_MAX_NAME = 63


class Draft:
    """The spec of a TrainingJob while it is imported. Paths are relative to this spec, such as data.bucket.

    Args:
        name: Name of the object, in any characters.
    """

    def __init__(self, name: str) -> None:
        self.name = object_name(name)
        self.spec: dict[str, Any] = {}
        self.heading = ""
        """The comment at the head of the file."""
        self.comments: dict[str, str] = {}
        """Comments by the path of their field."""
        self.origins: dict[str, str] = {}
        """The parts of the file from which fields come, by path, for messages."""
        self.placeholders: list[str] = []
        """Paths that the file does not give, and that the user must fill in."""
        self._warnings: list[str] = []
        self._omitted = 0

    @property
    def warnings(self) -> list[str]:
        """The lost details, a line each."""
        more = [f"{self._omitted:,} more details are lost"] if self._omitted else []
        return [*self._warnings, *more]

    def warn(self, label: str, message: str) -> None:
        """Add a detail that is lost, by the label of its part of the file."""
        line = f"{label}: {message}"
        if line in self._warnings[-8:]:
            return
        if len(self._warnings) < MAX_WARNINGS:
            self._warnings.append(line)
        else:
            self._omitted += 1

    def comment(self, path: str, text: str) -> None:
        """Add a comment above a field."""
        before = self.comments.get(path)
        self.comments[path] = f"{before}\n{text}" if before else text

    def fill_in(self, path: str, text: str) -> None:
        """Mark a field whose value the file does not give."""
        self.placeholders.append(path)
        self.comment(path, f"Fill in: {text}")

    def set_storage(self, storage: Mapping[str, Any] | None = None) -> None:
        """Set the storage. Its Secret is that of the examples, because no key is written into a manifest."""
        self.spec["storage"] = {**(storage or {}), "secretRef": {"name": _SECRET}}
        self.comment(
            "storage.secretRef",
            f"The Secret with the keys of the storage: kubectl create secret generic {_SECRET}\n"
            "--from-literal accessKey=… --from-literal secretKey=…",
        )

    def set_unknown_data(self) -> None:
        """Set placeholders for data, which the file does not describe."""
        self.spec["data"] = {
            "bucket": "training-data",
            "train": {"object": "train.npz"},
            "validation": {"split": "0.2"},
        }
        self.fill_in("data", "the bucket, and the objects in it.")

    def set_results(self, bucket: str | None = None, *, prefix: str = "") -> None:
        """Set the bucket of the results, or a placeholder."""
        self.spec["results"] = {"bucket": bucket or "training-results", **({"prefix": prefix} if prefix else {})}
        if bucket is None:
            self.fill_in("results.bucket", "a bucket for the model and its history.")

    def ordered_spec(self) -> dict[str, Any]:
        """Return the spec with its fields in the order of the documents."""
        return {key: self.spec[key] for key in _ORDER if key in self.spec}

    def document(self) -> dict[str, Any]:
        """Return the TrainingJob as plain values."""
        return {
            "apiVersion": API_VERSION,
            "kind": trainingjob.KIND,
            "metadata": {"name": self.name},
            "spec": self.ordered_spec(),
        }


def object_name(text: str, max_length: int = _MAX_NAME) -> str:
    """Return a name of an object in Kubernetes for a name in any characters."""
    name = re.sub(r"[^a-z0-9]+", "-", text[:1024].lower()).strip("-")
    return name[:max_length].rstrip("-") or "imported"


class Names:
    """Gives each layer a unique name that the API accepts, as near as possible to its name in the file.

    Args:
        reserved: Names that no layer may have.
    """

    _MAX_LENGTH = 100  # The API allows 128. A number is added to names that occur twice.

    def __init__(self, *reserved: str) -> None:
        self._taken = set(reserved)
        self._counts: dict[str, int] = {}

    def add(self, text: str, default: str, *, pattern: str = r"[^A-Za-z0-9_.\\/>-]+") -> str:
        """Return the name of a layer.

        Args:
            text: Its name in the file.
            default: Its name if the file has no usable one.
            pattern: The characters that a name must not have.
        """
        base = re.sub(pattern, "_", text[: self._MAX_LENGTH]).strip("_") or default
        name = base
        while name in self._taken:
            # The next number is remembered, so that a thousand equal names cost a thousand steps.
            self._counts[base] = self._counts.get(base, 1) + 1
            name = f"{base}_{self._counts[base]}"
        self._taken.add(name)
        return name


def label_of(kind: str, name: Any, identity: Any = None) -> str:
    """Return the label of a part of a file for messages, such as `node "Conv 2D" (id 3f2…)`."""
    suffix = f" (id {shown(identity)})" if identity is not None else ""
    return f'{kind} "{shown(name)}"{suffix}'
