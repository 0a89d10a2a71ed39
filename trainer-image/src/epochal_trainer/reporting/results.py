"""The files of a training in the results bucket: their names, and how they are stored."""

import json
import logging
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from epochal_lib.digests import sha256

from epochal_trainer.lib.failures import SUPERSEDED, Failure
from epochal_trainer.lib.text import format_bytes
from epochal_trainer.storage import Bucket
from epochal_trainer.storage.failures import OBJECT_REASONS

log = logging.getLogger(__name__)

MODEL = "model.keras"
BEST_MODEL = "best.keras"
"""The model of the best epoch. It exists only if MODEL has the weights of another epoch."""
HISTORY = "history.csv"
CURVES = "curves.png"
LOG = "training.log"
SUMMARY = "summary.json"
TENSORBOARD = "tensorboard"
CHECKPOINTS = "checkpoints"
ATTEMPTS = "attempts"
EXPORTING = f"{ATTEMPTS}/exporting"
"""Key that exists while models are exported, with the number of attempts that have begun the export.

An attempt that finds the key knows that an earlier attempt ended during the export.
"""
EVALUATING = f"{ATTEMPTS}/evaluating"
"""Key that exists while a model is evaluated. An attempt that finds it knows that an earlier attempt ended then."""
CALLBACKS = "callbacks"
"""Folder for the files that Keras callbacks of the spec write."""


@contextmanager
def optional_result(name: str, *, log_suffix: str = "the training is complete without it") -> Iterator[None]:
    """Log an error in the context instead of raising it, because the training is valid without this result.

    Args:
        name: File name of the result.
        log_suffix: Text in the log line about the training without the result.

    Raises:
        Failure: Superseded, if a newer attempt owns these results.
    """
    try:
        yield
    except Failure as failure:
        if failure.reason == SUPERSEDED:
            raise
        log.warning("Cannot store %s: %s", name, failure.message)
    except Exception:
        log.warning("Cannot write %s; %s:", name, log_suffix, exc_info=True)


class Results:
    """The folder of one TrainingJob in the results bucket.

    Args:
        bucket: The bucket.
        folder: The folder, without a slash at its end.
        check: Called before each try to write; raises the failure Superseded if a newer attempt owns these results.
    """

    def __init__(self, bucket: Bucket, folder: str, check: Callable[[], None]) -> None:
        self._bucket = bucket
        self.folder = folder
        self._check = check

    def uri(self, name: str = "") -> str:
        """Return the URI of a result by its name, or of the folder if the name is empty."""
        return self._bucket.uri(f"{self.folder}/{name}")

    def store(self, path: Path, name: str) -> None:
        """Store a file, and log its URI and size.

        Raises:
            Failure: As `check`, or as the bucket.
        """
        self.upload(path, name)
        log.info("Wrote %s  %s", self.uri(name), format_bytes(path.stat().st_size))

    def upload(self, path: Path, name: str, check: Callable[[], None] = lambda: None) -> None:
        """Store a file as `store` does, but without a log line.

        Args:
            path: The local file.
            name: Name of the result in the folder.
            check: Also called before each try; raises an error if the upload is no longer needed.
        """

        def before() -> None:
            check()
            self._check()

        self._bucket.upload(path, f"{self.folder}/{name}", before=before)

    def put(self, name: str, data: bytes) -> None:
        """Store bytes as a small file, without a log line."""
        self._check()
        self._bucket.put(f"{self.folder}/{name}", data)

    def exists(self, name: str) -> bool:
        """Return whether the folder has a result with this name."""
        key = f"{self.folder}/{name}"
        return key in self._bucket.keys(key)

    def get(self, name: str) -> bytes:
        """Return the content of a small result."""
        return self._bucket.get(f"{self.folder}/{name}")

    def delete(self, name: str) -> None:
        """Delete a result. A missing result is not an error."""
        self._bucket.delete(f"{self.folder}/{name}")

    @contextmanager
    def marker(self, name: str, data: bytes = b"") -> Iterator[None]:
        """Store a small file at the start of the context, and delete it at the end.

        The file remains if the process ends within the context, also by the exception Terminated.
        """
        self.put(name, data)
        try:
            yield
        except Exception:
            self.delete(name)
            raise
        self.delete(name)

    def read_back(self, name: str, path: Path) -> str:
        """Download a result in place of the local file from which it was stored, and return the SHA-256 in hex.

        Raises:
            Failure: StorageError, if the stored content differs from the local file; as `check`, or as the bucket.
        """
        expected = sha256(path)
        path.unlink()  # so that the local disk does not hold two copies
        try:
            if (stored := self._bucket.download(f"{self.folder}/{name}", path)) == expected:
                return expected
            found = f"expected SHA-256 {expected}, found {stored}"
        except Failure as failure:
            if failure.reason not in OBJECT_REASONS:
                raise
            found = failure.message
        self._check()
        message = (
            f"{self.uri(name)} differs from the file that was just uploaded: {found}. Spec, data and training are "
            "correct: check whether the storage or a proxy changes objects, or another program writes there"
        )
        # A retry: the trained state is in a checkpoint, and the next attempt may store it correctly.
        raise Failure("StorageError", message, os.EX_TEMPFAIL)

    def store_folder(self, path: Path, name: str) -> None:
        """Store all files of a local folder below `name`. A missing folder is not an error."""
        for file in sorted(path.rglob("*")):
            if file.is_file():
                self.store(file, f"{name}/{file.relative_to(path).as_posix()}")


def to_json(content: Any) -> bytes:
    """Return content as indented JSON, with null in place of NaN and infinite numbers."""
    return (json.dumps(_finite(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _finite(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
