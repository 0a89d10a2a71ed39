"""The TrainingJob that an import builds: its fields, its comments, and warnings about details that are lost."""

import re
from collections.abc import Mapping
from typing import Any

from epochal_api.kind import API_VERSION
from epochal_api.trainingjob import spec as trainingjob

from epochal.importers.reading import shown

MAX_WARNINGS = 200
"""Maximum number of warnings. If there are more, an additional line has the number of the omitted warnings."""
_ORDER = ("storage", "data", "network", "training", "resources", "scheduling", "results")
"""Fields of spec of a TrainingJob, in the order of the documentation."""
_SECRET = "minio-credentials"  # noqa: S105 - the name of a Secret, as in all examples
_MAX_NAME = 63


class Draft:
    """The TrainingJob that an import builds. Paths of fields are relative to its spec, such as data.bucket.

    Args:
        name: Name for the object. Characters that Kubernetes does not allow are replaced.
    """

    def __init__(self, name: str) -> None:
        self.name = object_name(name)
        self.spec: dict[str, Any] = {}
        self.heading = ""
        """The comment at the top of the manifest."""
        self.comments: dict[str, str] = {}
        """Comments by the path of the field below them."""
        self.origins: dict[str, str] = {}
        """For messages, by path of a field: the label of the part of the imported file that the field comes from."""
        self.placeholders: list[str] = []
        """Paths of fields whose values are not in the imported file. The user must fill them in."""
        self._warnings: list[str] = []
        self._omitted = 0

    @property
    def warnings(self) -> list[str]:
        """The warnings about lost details, one line for each detail."""
        more = [f"{self._omitted:,} more details are lost"] if self._omitted else []
        return [*self._warnings, *more]

    def warn(self, label: str, message: str) -> None:
        """Add a warning about a lost detail. `label` names the part of the imported file."""
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
        """Mark a field as placeholder, because its value is not in the imported file, and add a comment."""
        self.placeholders.append(path)
        self.comment(path, f"Fill in: {text}")

    def set_storage(self, storage: Mapping[str, Any] | None = None) -> None:
        """Set spec.storage, with the name of the Secret in the examples: keys are never written into a manifest."""
        self.spec["storage"] = {**(storage or {}), "secretRef": {"name": _SECRET}}
        self.comment(
            "storage.secretRef",
            f"The Secret with the keys of the storage: kubectl create secret generic {_SECRET}\n"
            "--from-literal accessKey=… --from-literal secretKey=…",
        )

    def set_unknown_data(self) -> None:
        """Set placeholders in spec.data, because the imported file does not describe the data."""
        self.spec["data"] = {
            "bucket": "training-data",
            "train": {"object": "train.npz"},
            "validation": {"split": "0.2"},
        }
        self.fill_in("data", "the bucket, and the objects in it.")

    def set_results(self, bucket: str | None = None, *, prefix: str = "") -> None:
        """Set spec.results. Without a bucket, set a placeholder that the user must fill in."""
        self.spec["results"] = {"bucket": bucket or "training-results", **({"prefix": prefix} if prefix else {})}
        if bucket is None:
            self.fill_in("results.bucket", "a bucket for the model and its history.")

    def ordered_spec(self) -> dict[str, Any]:
        """Return the spec with its fields in the order of the documentation."""
        return {key: self.spec[key] for key in _ORDER if key in self.spec}

    def document(self) -> dict[str, Any]:
        """Return the TrainingJob as mappings, lists, texts and numbers."""
        return {
            "apiVersion": API_VERSION,
            "kind": trainingjob.KIND,
            "metadata": {"name": self.name},
            "spec": self.ordered_spec(),
        }


def object_name(text: str, max_length: int = _MAX_NAME) -> str:
    """Convert a text to a valid name of a Kubernetes object: lower case letters, digits and hyphens."""
    name = re.sub(r"[^a-z0-9]+", "-", text[:1024].lower()).strip("-")
    return name[:max_length].rstrip("-") or "imported"


class LayerNames:
    """Chooses names of layers: unique, accepted by Epochal's API, and as similar as possible to the names in the file.

    Args:
        reserved: Names that no layer may have.
    """

    _MAX_LENGTH = 100  # The API allows 128. A number is added to names that occur twice.

    def __init__(self, *reserved: str) -> None:
        self._taken = set(reserved)
        self._counts: dict[str, int] = {}

    def add(self, text: str, default: str, *, pattern: str = r"[^A-Za-z0-9_.\\/>-]+") -> str:
        """Return a unique name for a layer, and reserve it.

        Args:
            text: Name of the layer in the file.
            default: Name of the layer if the file has no usable name.
            pattern: Regular expression for the characters that become underscores.
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
