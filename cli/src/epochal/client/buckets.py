"""S3 buckets: lists, reads, downloads, uploads and deletes their objects. `open_bucket` returns a Bucket."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from epochal_api.text import printable

from epochal.client.credentials import Credentials
from epochal.client.failures import MissingObject, shortened
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode

if TYPE_CHECKING:
    from epochal_lib.s3.errors import Verb
    from epochal_lib.s3.listing import Page
    from epochal_lib.s3.upload import Upload
    from minio import Minio

_EXIT_CODES = {
    "BucketNotFound": ExitCode.NOT_FOUND,
    "ObjectNotFound": ExitCode.NOT_FOUND,
    "EndpointUnreachable": ExitCode.NO_CONNECTION,
}
_FORWARD = (
    "spec.storage.endpoint is an address as pods see it. For your machine, set EPOCHAL_STORAGE_ENDPOINT (or "
    "AWS_ENDPOINT_URL_S3), such as http://localhost:9000 with `kubectl port-forward service/minio 9000`."
)
_PART = 2**20
Names = list[str]


class ObjectExists(EpochalError):
    """An upload failed, because the bucket has an object with this key already."""


class StoredObject(NamedTuple):
    """Key and size in bytes of an object in a bucket."""

    key: str
    size: int


class ObjectStat(NamedTuple):
    """Size in bytes, ETag and time of the last change of an object in a bucket."""

    size: int
    etag: str
    modified: datetime | None = None


class Bucket:
    """A bucket of an S3 service.

    Args:
        client: The client of the service.
        name: Name of the bucket.
        endpoint: Address of the service, for messages.
        is_from_spec: Whether the address is spec.storage.endpoint, which pods can reach, but perhaps not this machine.
        credentials: The keys of the service, which error messages must not contain.
    """

    def __init__(
        self, client: "Minio", name: str, endpoint: str, *, is_from_spec: bool, credentials: Credentials
    ) -> None:
        self.name = name
        self.endpoint = endpoint
        self._client = client
        self._is_from_spec = is_from_spec
        self._credentials = credentials

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Yield the objects whose keys begin with a prefix, in the order of their keys."""
        with self.errors("list", prefix):
            for found in self._client.list_objects(self.name, prefix=prefix, recursive=True):
                yield StoredObject(str(found.object_name), int(found.size or 0))

    def page(self, prefix: str, token: str, most: int) -> "Page":
        """Return one page of the folders and objects directly below a prefix.

        Args:
            prefix: Beginning of the keys.
            token: `next` of the previous page; "" for the first page.
            most: Maximum number of folders and objects in the page.
        """
        from epochal_lib.s3.listing import list_page  # noqa: PLC0415 - minio, which most commands do not need

        with self.errors("list", prefix):
            return list_page(self._client, self.name, prefix, token, most)

    def bucket_names(self) -> Names | None:
        """Return the names of all buckets of the service; None if the credentials have no right to list buckets."""
        from epochal_lib.s3.errors import MAY_NOT  # noqa: PLC0415
        from minio.error import S3Error  # noqa: PLC0415

        with self.errors("list", ""):
            try:
                return [str(bucket.name) for bucket in self._client.list_buckets()]
            except S3Error as error:
                if error.code in MAY_NOT:
                    return None
                raise

    def size(self, key: str) -> int:
        """Return the size of an object in bytes."""
        return self.stat(key).size

    def stat(self, key: str) -> ObjectStat:
        """Return size, ETag and time of the last change of an object, without reading its content."""
        with self.errors("read", key):
            found = self._client.stat_object(self.name, key)
            return ObjectStat(int(found.size or 0), str(found.etag or ""), found.last_modified)

    @contextmanager
    def open(self, key: str, *, etag: str = "", **part: int) -> Iterator[Any]:
        """Open an object for reading, as an HTTPResponse of urllib3.

        Args:
            key: Key of the object.
            etag: The expected ETag. The request fails if the object has another ETag, because it was replaced.
            part: `offset` and `length` in bytes of the part to read. Default: the whole object.
        """
        from epochal_lib.s3.client import open_object  # noqa: PLC0415 - minio, which most commands do not need

        options: dict[str, Any] = {**part, **({"request_headers": {"If-Match": f'"{etag}"'}} if etag else {})}
        with self.errors("read", key), open_object(self._client, self.name, key, **options) as response:
            yield response

    def read(self, key: str, limit: int = 64 * 2**20) -> bytes:
        """Return the whole content of an object.

        Raises:
            EpochalError: If there is no such object, or it has more than `limit` bytes.
        """
        from epochal_lib.s3.client import read_object  # noqa: PLC0415 - minio, which most commands do not need

        with self.open(key) as response:
            content = read_object(response, limit + 1)
        if len(content) > limit:
            raise EpochalError(
                f"s3://{self.name}/{shortened(key)} has more than {limit / 2**20:g} MiB.",
                f"Download it with `epochal results`, or with a client of S3 at {self.endpoint}.",
            )
        return content

    def download(self, key: str, path: Path) -> int:
        """Download an object to a file, and return its size in bytes. A failed download leaves no partial file."""
        size = 0
        part = path.with_name(f".{path.name[:100]}.{os.getpid()}.part")
        try:
            with part.open("wb") as file, self.open(key) as response:
                for content in response.stream(_PART):
                    file.write(content)
                    size += len(content)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return size

    def upload(self, key: str, stream: IO[bytes], size: int) -> None:
        """Store the next `size` bytes of a stream as an object."""
        with self.errors("write", key):
            self._client.put_object(self.name, key, stream, size)

    def begin_upload(self, key: str) -> "Upload":
        """Return a multipart upload. Call its methods within `with bucket.errors(…)`, which explains S3 errors."""
        from epochal_lib.s3.upload import Upload  # noqa: PLC0415

        return Upload(self._client, self.name, key)

    def delete(self, key: str) -> None:
        """Delete an object, if it exists."""
        with self.errors("delete", key):
            self._client.remove_object(self.name, key)

    @contextmanager
    def errors(self, verb: "Verb", key: str) -> Iterator[None]:
        """Convert errors of the S3 service within the block to EpochalErrors, whose messages contain no credentials."""
        from epochal_lib.s3.errors import EXISTS, Request, explain  # noqa: PLC0415
        from minio.error import S3Error  # noqa: PLC0415

        try:
            yield
        except EpochalError:
            raise
        except Exception as error:
            if verb == "write" and isinstance(error, S3Error) and error.code in EXISTS:
                raise ObjectExists(f"s3://{self.name}/{shortened(key)} exists already.") from error
            request = Request(self.endpoint, self.name, verb, key)
            found = explain(error, request, self._credentials.redact)
            if found is None:
                raise
            unreachable = found.reason == "EndpointUnreachable" and self._is_from_spec
            kind = MissingObject if found.reason == "ObjectNotFound" else EpochalError
            raise kind(
                shortened(f"{found.message}."),
                _FORWARD if unreachable else "",
                exit_code=_EXIT_CODES.get(found.reason, ExitCode.REFUSED),
            ) from error


def require_digest(path: Path, stored: object, what: str) -> None:
    """Raise EpochalError if a downloaded file has another SHA-256 than the file that the training stored.

    Args:
        path: The downloaded file.
        stored: The SHA-256 in the status of the TrainingJob.
        what: Name of the file in the message.
    """
    from epochal_lib.digests import sha256  # noqa: PLC0415 - most commands read no whole files

    if (found := sha256(path)) != stored:
        raise EpochalError(
            f"{what} has the SHA-256 {found}, but the training stored {printable(str(stored))[:64]}",
            "Another program has replaced the file in the bucket: train again, or restore the file.",
        )


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of `s3://BUCKET/KEY`; for a bucket name alone, the name and an empty key."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key
