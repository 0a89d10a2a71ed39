"""What the trainer asks of a bucket."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class ObjectInfo:
    """An object as its bucket describes it."""

    size: int
    """Bytes."""
    etag: str
    """Changes whenever the object's content does; empty where a server gives none."""
    md5: str | None = None
    """MD5 of the content in hex, where the bucket knows it."""


class Bucket(Protocol):
    """A bucket of objects. Every write is whole or absent; every error is a Failure that says what to do."""

    name: str
    """Name of the bucket."""

    def uri(self, key: str) -> str:
        """Returns where an object lies, for people: such as s3://bucket/key."""

    def check(self) -> None:
        """Makes sure that the bucket exists and the credentials are accepted.

        Raises:
            Failure: EndpointUnreachable, CredentialsRefused or BucketNotFound.
        """

    def stat(self, key: str) -> ObjectInfo:
        """Describes an object.

        Raises:
            Failure: ObjectNotFound, with similar keys named, or as `check`.
        """

    def keys(self, prefix: str) -> list[str]:
        """Returns the keys that begin with a prefix, sorted."""

    def entries(self, prefix: str) -> list[str]:
        """Returns some keys that begin with a prefix, and in the place of all that lie deeper their folders.

        Args:
            prefix: What they begin with.

        Returns:
            At most near.MOST, sorted; a folder ends with a slash.

        Raises:
            Failure: As `check`; CredentialsRefused, if it may not be looked at.
        """

    def get(self, key: str) -> bytes:
        """Returns the content of a small object.

        Raises:
            Failure: ObjectNotFound, DamagedData if it is not small, or as `check`.
        """

    def download(self, key: str, path: Path) -> str:
        """Writes an object to a file and checks that it came whole.

        Args:
            key: The object.
            path: The file; its folder must exist. It is there only if the whole object is in it.

        Returns:
            The content's SHA-256 in hex.

        Raises:
            Failure: ObjectNotFound, ObjectChanged (meanwhile), DamagedData (not the bytes that the bucket holds),
                ScratchFull, or as `check`.
        """

    def put(self, key: str, data: bytes) -> None:
        """Writes a small object.

        Raises:
            Failure: ResultsNotWritable, or as `check`.
        """

    def upload(self, path: Path, key: str, *, before: Callable[[], None] = lambda: None) -> None:
        """Writes a file to an object and checks that it arrived whole.

        Args:
            path: The file.
            key: The object.
            before: Called before each try, which may come long after the first; what it raises is raised.

        Raises:
            Failure: ResultsNotWritable, or as `check`.
        """

    def delete(self, key: str) -> None:
        """Deletes an object; one that is not there is no error."""


def sha256(path: Path) -> str:
    """Returns the SHA-256 of a file's content in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
