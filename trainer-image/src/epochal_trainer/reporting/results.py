"""What a training leaves in the results bucket."""

import json
import logging
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from epochal_trainer.lib.failures import Failure
from epochal_trainer.lib.text import readable
from epochal_trainer.storage import Bucket
from epochal_trainer.storage.bucket import sha256
from epochal_trainer.storage.faults import not_as_stored

log = logging.getLogger(__name__)

MODEL = "model.keras"
BEST_MODEL = "best.keras"
"""The model of the best epoch, where MODEL holds another one."""
HISTORY = "history.csv"
CURVES = "curves.png"
LOG = "training.log"
SUMMARY = "summary.json"
TENSORBOARD = "tensorboard"
CHECKPOINTS = "checkpoints"
ATTEMPTS = "attempts"
EXPORTING = f"{ATTEMPTS}/exporting"
"""Is there while models are exported, and holds how many attempts have begun to: who finds it knows that an attempt
has ended meanwhile."""
CALLBACKS = "callbacks"
"""Folder for the files that the user's own callbacks write."""
_ANOTHER = ("ObjectNotFound", "ObjectChanged", "DamagedData")
"""What may be the matter with an object of a bucket that is in order."""


class Results:
    """The folder of one TrainingJob in the results bucket.

    Args:
        bucket: The bucket.
        folder: The folder, without a slash at its end.
        check: Called before each try to write; raises if these results are another attempt's by now.
    """

    def __init__(self, bucket: Bucket, folder: str, check: Callable[[], None]) -> None:
        self._bucket = bucket
        self._folder = folder
        self._check = check

    def uri(self, name: str = "") -> str:
        """Returns where a result lies; without a name, where all do."""
        return self._bucket.uri(f"{self._folder}/{name}")

    def store(self, path: Path, name: str) -> str:
        """Stores a file.

        Args:
            path: The file.
            name: Its name in the folder.

        Returns:
            Where it lies.

        Raises:
            Failure: As `check`, or as the bucket.
        """
        self.upload(path, name)
        log.info("Wrote %s  %s", self.uri(name), readable(path.stat().st_size))
        return self.uri(name)

    def upload(self, path: Path, name: str, check: Callable[[], None] = lambda: None) -> None:
        """Stores a file without a word in the log; else as `store`.

        Args:
            path: The file.
            name: Its name in the folder.
            check: Called before each try, too; raises if the file is not wanted any more.
        """

        def before() -> None:
            check()
            self._check()

        self._bucket.upload(path, f"{self._folder}/{name}", before=before)

    def put(self, name: str, data: bytes) -> None:
        """Stores a small file without a word in the log; else as `store`.

        Args:
            name: Its name in the folder.
            data: Its content.
        """
        self._check()
        self._bucket.put(f"{self._folder}/{name}", data)

    def holds(self, name: str) -> bool:
        """Returns whether there is a file.

        Args:
            name: Its name in the folder.
        """
        key = f"{self._folder}/{name}"
        return key in self._bucket.keys(key)

    def get(self, name: str) -> bytes:
        """Returns the content of a small file.

        Args:
            name: Its name in the folder.
        """
        return self._bucket.get(f"{self._folder}/{name}")

    def delete(self, name: str) -> None:
        """Deletes a file; one that is not there is no error.

        Args:
            name: Its name in the folder.
        """
        self._bucket.delete(f"{self._folder}/{name}")

    def read_back(self, name: str, path: Path) -> str:
        """Reads what was stored a moment ago, in the place of the file that it was stored from.

        Args:
            name: Its name in the folder.
            path: The file.

        Returns:
            The content's SHA-256 in hex.

        Raises:
            Failure: StorageError, if it is something else; as `check`, or as the bucket.
        """
        written = sha256(path)
        path.unlink()  # the local disk need not hold it twice
        found = ""
        try:
            if (there := self._bucket.download(f"{self._folder}/{name}", path)) == written:
                return written
            found = f"its SHA-256 is {there} instead of {written}"
        except Failure as failure:
            if failure.reason not in _ANOTHER:
                raise
            found = failure.message
        self._check()
        raise not_as_stored(self.uri(name), found)

    def store_folder(self, path: Path, name: str) -> None:
        """Stores all files of a folder, if there is one.

        Args:
            path: The folder.
            name: Its name in the folder of results.
        """
        for file in sorted(path.rglob("*")):
            if file.is_file():
                self.store(file, f"{name}/{file.relative_to(path).as_posix()}")


def to_json(content: Any) -> bytes:
    """Returns JSON for people and programs: indented, and with null for what is no finite number."""
    return (json.dumps(_finite(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _finite(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
