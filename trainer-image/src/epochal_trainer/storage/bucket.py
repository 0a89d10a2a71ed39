"""The interface of a bucket, on an S3 service or in a local folder."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class ObjectInfo:
    """The metadata of an object in a bucket."""

    size: int
    """Size in bytes."""
    etag: str
    """The object's ETag, which changes with the content; empty if the server sends no ETag."""
    md5: str | None = None
    """MD5 of the content in hex, or None if the service does not provide it."""


class Bucket(Protocol):
    """A bucket of objects. A write stores the whole object or nothing. Errors of the storage are raised as Failure."""

    name: str
    """Name of the bucket."""

    def uri(self, key: str) -> str:
        """Return the URI of an object for users, such as s3://bucket/key."""

    def check(self) -> None:
        """Check that the bucket exists and accepts the credentials.

        Raises:
            Failure: EndpointUnreachable, CredentialsRefused or BucketNotFound.
        """

    def stat(self, key: str) -> ObjectInfo:
        """Return the metadata of an object.

        Raises:
            Failure: ObjectNotFound with similar keys in its message, or as in `check`.
        """

    def keys(self, prefix: str) -> list[str]:
        """Return all keys that begin with a prefix, sorted."""

    def entries(self, prefix: str) -> list[str]:
        """Return up to suggestions.MAX_ENTRIES keys and folders that begin with a prefix, sorted.

        If keys have a slash after the prefix, the part up to this slash stands for all of them: a folder.

        Raises:
            Failure: As in `check`. CredentialsRefused also if the credentials may not list the bucket.
        """

    def get(self, key: str) -> bytes:
        """Return the content of a small object.

        Raises:
            Failure: ObjectNotFound, DamagedData if the object exceeds SMALL_BYTES, or as in `check`.
        """

    def download(self, key: str, path: Path) -> str:
        """Download an object to a file and verify its content.

        Args:
            key: The object.
            path: The local file to write; its folder must exist. Afterwards, the file exists only if it is complete.

        Returns:
            The content's SHA-256 in hex.

        Raises:
            Failure: ObjectNotFound, ObjectChanged (during the download), DamagedData (other bytes than in the bucket),
                ScratchFull, or as in `check`.
        """

    def put(self, key: str, data: bytes) -> None:
        """Write a small object.

        Raises:
            Failure: ResultsNotWritable, or as in `check`.
        """

    def upload(self, path: Path, key: str, *, before: Callable[[], None] = lambda: None) -> None:
        """Upload a file to an object and verify the stored content.

        Args:
            path: The local file.
            key: The object.
            before: Called before each try, because a retry may be much later. Its errors are passed on.

        Raises:
            Failure: ResultsNotWritable, or as in `check`.
        """

    def delete(self, key: str) -> None:
        """Delete an object. A missing object is not an error."""
