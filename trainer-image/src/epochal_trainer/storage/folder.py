"""A local folder in place of a bucket, for training without an S3 service."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from epochal_lib.digests import sha256

from epochal_trainer.lib.failures import Failure, bad_data, refused
from epochal_trainer.storage import near
from epochal_trainer.storage.bucket import ObjectInfo
from epochal_trainer.storage.faults import SMALL_BYTES, bounded, not_found, object_changed, room_for

UNFINISHED = ".unfinished-"
"""Prefix of the names of incomplete files."""


class FolderBucket:
    """A folder with the interface of a bucket: the key of an object is its path in the folder.

    Args:
        root: The folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.name = root.name

    def uri(self, key: str) -> str:
        """Return the path of an object's file; see `Bucket.uri`."""
        return str(self.root / key)

    def check(self) -> None:
        """Check that the folder exists and is readable; see `Bucket.check`."""
        if not self.root.is_dir():
            beside = FolderBucket(self.root.parent).entries("")
            folders = [one.rstrip("/") for one in beside if one.endswith("/")]
            advice = f"name one that exists; {near.among(self.name, folders)}"
            raise bad_data("BucketNotFound", f"{self.root} is not a folder: {advice}")
        if not os.access(self.root, os.R_OK | os.X_OK):
            raise refused("CredentialsRefused", f"{self.root} may not be read: change its permissions")

    def stat(self, key: str) -> ObjectInfo:
        """Return the metadata of a file; see `Bucket.stat`."""
        path = self._path(key)
        try:
            found = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise self._not_found(key) from None
        except PermissionError:
            raise _not_readable(path) from None
        if not path.is_file():
            raise self._not_found(key)
        return ObjectInfo(size=found.st_size, etag=f"{found.st_mtime_ns:x}-{found.st_size:x}")

    def keys(self, prefix: str) -> list[str]:
        """Return the sorted paths that begin with a prefix; see `Bucket.keys`."""
        self.check()
        found = (
            (Path(folder) / file).relative_to(self.root).as_posix()
            for folder, _, files in os.walk(self.root / os.path.dirname(prefix))  # noqa: PTH120 - a prefix is no path
            for file in files
            if not file.startswith(UNFINISHED)
        )
        return sorted(key for key in found if key.startswith(prefix))

    def entries(self, prefix: str) -> list[str]:
        """Return some files and folders that begin with a prefix; see `Bucket.entries`."""
        folder = prefix.rpartition("/")[0]
        place = f"{folder}/" if folder else ""
        try:
            with os.scandir(self._path(folder) if folder else self.root) as found:
                names = (f"{place}{one.name}{'/' if one.is_dir() else ''}" for one in found)
                shown = (name for name in names if not name.removeprefix(place).startswith(UNFINISHED))
                return sorted(islice((name for name in shown if name.startswith(prefix)), near.MOST))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except PermissionError:
            raise _not_readable(self.root / folder) from None

    def get(self, key: str) -> bytes:
        """Return the content of a small file; see `Bucket.get`."""
        self.stat(key)
        try:
            with self._path(key).open("rb") as file:
                return bounded(file.read(SMALL_BYTES + 1), self.uri(key))
        except PermissionError:
            raise _not_readable(self._path(key)) from None

    def download(self, key: str, path: Path) -> str:
        """Copy a file out of the folder; see `Bucket.download`."""
        before = self.stat(key)
        with room_for(path, before.size, self.uri(key)):
            try:
                shutil.copyfile(self._path(key), path)
            except PermissionError:
                raise _not_readable(self._path(key)) from None
        if self.stat(key) != before:
            path.unlink()
            raise object_changed(self.uri(key))
        return sha256(path)

    def put(self, key: str, data: bytes) -> None:
        """Write a small file; see `Bucket.put`."""
        with self._written(key) as unfinished:
            unfinished.write_bytes(data)

    def upload(self, path: Path, key: str, *, before: Callable[[], None] = lambda: None) -> None:
        """Copy a file into the folder; see `Bucket.upload`."""
        before()
        with self._written(key) as unfinished:
            shutil.copyfile(path, unfinished)

    def delete(self, key: str) -> None:
        """Delete a file; see `Bucket.delete`."""
        with self._writing(key):
            self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        if key.startswith("/") or ".." in key.split("/"):
            raise bad_data("ObjectNotFound", f"{key!r} leads out of {self.root}: name an object in it")
        return self.root / key

    def _not_found(self, key: str) -> Failure:
        try:
            return not_found(self.uri(key), near.advise(key, self.entries))
        except Failure:  # The folder is not readable.
            return not_found(self.uri(key), None)

    @contextmanager
    def _writing(self, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise refused("ResultsNotWritable", f"{self.uri(key)} cannot be written: {error.strerror}") from error

    @contextmanager
    def _written(self, key: str) -> Iterator[Path]:
        target = self._path(key)
        with self._writing(key):
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=UNFINISHED, dir=target.parent)
            os.close(handle)
            unfinished = Path(name)
            try:
                yield unfinished
                unfinished.chmod(0o644)
                unfinished.replace(target)
            finally:
                unfinished.unlink(missing_ok=True)


def _not_readable(path: Path) -> Failure:
    return refused("CredentialsRefused", f"{path} may not be read: change its permissions")
