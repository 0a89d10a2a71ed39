"""A local folder in place of a bucket, for training without an S3 service."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from epochal_lib.digests import sha256
from epochal_lib.partial_file import partial_file

from epochal_trainer.lib.failures import Failure, bad_data, refused_failure
from epochal_trainer.storage import suggestions
from epochal_trainer.storage.bucket import ObjectInfo
from epochal_trainer.storage.failures import SMALL_BYTES, check_disk_space, check_size, not_found, object_changed

UNFINISHED = ".unfinished-"
"""Prefix of the names of files that are not yet completely written."""


class FolderBucket:
    """A folder with the interface of a bucket: the key of an object is its path in the folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.name = root.name

    def uri(self, key: str) -> str:
        """Return the path of an object's file; see `Bucket.uri`."""
        return str(self.root / key)

    def check(self) -> None:
        """Check that the folder exists and is readable; see `Bucket.check`."""
        if not self.root.is_dir():
            siblings = FolderBucket(self.root.parent).entries("")
            folders = [entry.rstrip("/") for entry in siblings if entry.endswith("/")]
            advice = suggestions.suggest_name(self.name, folders)
            raise bad_data("BucketNotFound", f"{self.root} is not a folder: use an existing one; {advice}")
        if not os.access(self.root, os.R_OK | os.X_OK):
            raise _not_readable(self.root)

    def stat(self, key: str) -> ObjectInfo:
        """Return the metadata of a file, or raise ObjectNotFound or another Failure of `Bucket.stat`."""
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
        """Return the sorted paths of files that begin with a prefix; see `Bucket.keys`."""
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
        folder_prefix = f"{folder}/" if folder else ""
        try:
            with os.scandir(self._path(folder) if folder else self.root) as found:
                names = (f"{folder_prefix}{entry.name}{'/' if entry.is_dir() else ''}" for entry in found)
                shown = (name for name in names if not name.removeprefix(folder_prefix).startswith(UNFINISHED))
                return sorted(islice((name for name in shown if name.startswith(prefix)), suggestions.MAX_ENTRIES))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except PermissionError:
            raise _not_readable(self.root / folder) from None

    def get(self, key: str) -> bytes:
        """Return the content of a small file, or raise ObjectNotFound or another Failure of `Bucket.get`."""
        self.stat(key)
        try:
            with self._path(key).open("rb") as file:
                return check_size(file.read(SMALL_BYTES + 1), self.uri(key))
        except PermissionError:
            raise _not_readable(self._path(key)) from None

    def download(self, key: str, path: Path) -> str:
        """Copy a file out of the folder; see `Bucket.download`."""
        before = self.stat(key)
        with partial_file(path) as partial:
            with check_disk_space(path, before.size, self.uri(key)):
                try:
                    shutil.copyfile(self._path(key), partial)
                except PermissionError:
                    raise _not_readable(self._path(key)) from None
            if self.stat(key) != before:
                raise object_changed(self.uri(key))
        return sha256(path)

    def put(self, key: str, data: bytes) -> None:
        """Write a small file; see `Bucket.put`."""
        with self._new_file(key) as unfinished:
            unfinished.write_bytes(data)

    def upload(self, path: Path, key: str, *, before: Callable[[], None] = lambda: None) -> None:
        """Copy a file into the folder; see `Bucket.upload`."""
        before()
        with self._new_file(key) as unfinished:
            shutil.copyfile(path, unfinished)

    def delete(self, key: str) -> None:
        """Delete a file; see `Bucket.delete`."""
        with self._write_errors(key):
            self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        if key.startswith("/") or ".." in key.split("/"):
            raise bad_data("ObjectNotFound", f"{key!r} is outside of {self.root}: use a relative path without ..")
        return self.root / key

    def _not_found(self, key: str) -> Failure:
        try:
            return not_found(self.uri(key), suggestions.suggest_key(key, self.entries))
        except Failure:  # The folder is not readable.
            return not_found(self.uri(key), None)

    @contextmanager
    def _write_errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise refused_failure(
                "ResultsNotWritable", f"{self.uri(key)} cannot be written: {error.strerror}"
            ) from error

    @contextmanager
    def _new_file(self, key: str) -> Iterator[Path]:
        target = self._path(key)
        with self._write_errors(key):
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
    return refused_failure("CredentialsRefused", f"permission denied: {path} is not readable; change its permissions")
