"""Downloads objects of the model from its bucket."""

import hashlib
import logging
import os
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlsplit

from epochal_api.pod import ACCESS_KEY_ENV, SECRET_KEY_ENV, SESSION_TOKEN_ENV, STORAGE_CA_FILE
from epochal_api.server_config import StorageConfig
from epochal_api.server_pod import WAIT_SECONDS

from epochal_server.ending import Ended, Reason

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
FIRST_DELAY = 0.2
LONGEST_DELAY = 5.0
CHUNK_BYTES = 2**20
SMALL_BYTES = 16 * 2**20
"""Limit of objects that are read into memory as a whole. They must be smaller."""

_CHANGED = frozenset({"PreconditionFailed", "InvalidRange"})
"""S3 error codes for an object that changed during its download."""

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """The location of an object in a bucket."""

    bucket: str
    key: str

    @classmethod
    def of(cls, uri: str) -> "Place":
        """Return the location of s3://BUCKET/KEY.

        Raises:
            Ended: InvalidConfig, if the URI has another form.
        """
        address = urlsplit(uri)
        key = uri.removeprefix(f"s3://{address.netloc}/")
        if address.scheme != "s3" or not address.netloc or not key or key == uri:
            raise Ended("InvalidConfig", f"spec.source.uri: must be s3://BUCKET/KEY, found {uri!r}: write it so")
        return cls(address.netloc, key)

    def beside(self, name: str) -> "Place":
        """Return the location of another object in the same folder."""
        return Place(self.bucket, f"{self.key.rpartition('/')[0]}/{name}".lstrip("/"))

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


class Storage:
    """The S3 service. Its calls retry until the service answers or the time is over.

    Args:
        config: The endpoint and the region.
        environ: The environment, with the access keys.
        ca_file: Certificates to trust beside the system's, if the file exists.
        waits: Called with the reason for each retry, and with None after a success.
        seconds: Maximum time of retries without progress.

    Raises:
        Ended: InvalidConfig, if the endpoint is invalid; StorageRefused, if there are no keys.
    """

    def __init__(
        self,
        config: StorageConfig,
        environ: Mapping[str, str] = os.environ,
        *,
        ca_file: Path = Path(STORAGE_CA_FILE),
        waits: Callable[[str | None], None] = lambda _: None,
        seconds: float = WAIT_SECONDS,
    ) -> None:
        from minio import Minio  # noqa: PLC0415 - not needed if the model is on the disk
        from urllib3 import PoolManager, Timeout  # noqa: PLC0415

        self._endpoint = config.endpoint.rstrip("/")
        self._waits = waits
        self._seconds = seconds
        self._silent_since: float | None = None
        access, secret = environ.get(ACCESS_KEY_ENV, ""), environ.get(SECRET_KEY_ENV, "")
        if not access or not secret:
            raise Ended(
                "StorageRefused",
                "there is no access key or no secret key: set accessKey and secretKey in the Secret that "
                "spec.storage.secretRef names",
            )
        address = urlsplit(self._endpoint)
        secure = address.scheme == "https"
        try:
            self._client = Minio(
                address.netloc,
                access_key=access,
                secret_key=secret,
                session_token=environ.get(SESSION_TOKEN_ENV) or None,
                secure=secure,
                region=config.region,
                http_client=PoolManager(
                    timeout=Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
                    retries=False,  # `_asked` retries and reports it
                    ssl_context=_trust(ca_file) if secure else None,
                ),
            )
        except ValueError as error:
            raise Ended("InvalidConfig", f"spec.storage.endpoint {config.endpoint} is no address: {error}") from error

    def get(self, place: Place) -> bytes:
        """Return the content of a small object.

        Raises:
            Ended: ModelNotFound, StorageUnreachable, StorageRefused, or ModelDamaged if the object is too large.
        """

        def ask() -> bytes:
            with self._opened(place) as response:
                return bytes(response.read(SMALL_BYTES))

        data = self._asked(place, ask)
        if len(data) == SMALL_BYTES:
            raise Ended("ModelDamaged", f"{place}: must hold less than {SMALL_BYTES:,} bytes: export the model again")
        return data

    def download(self, place: Place, path: Path) -> str:
        """Write an object to a file and return its digest.

        Args:
            place: The object.
            path: The file. It exists only once the download is complete.

        Returns:
            The object's SHA-256 in hex.

        Raises:
            Ended: ModelNotFound, StorageUnreachable or StorageRefused.
        """
        unfinished = path.with_name(f"{path.name}.unfinished")
        try:
            with unfinished.open("w+b") as file:
                self._write(place, file)
                file.seek(0)
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
        return digest

    def _write(self, place: Place, file: BinaryIO) -> None:
        """Write an object to a file. A retry continues after the received bytes if the object has not changed."""
        from minio.error import S3Error  # noqa: PLC0415 - not needed if the model is on the disk

        etag: str | None = None
        most = 0

        def ask() -> None:
            nonlocal etag, most
            begin = file.tell()
            same = {"If-Match": etag} if begin and etag else None
            with self._opened(place, offset=begin, request_headers=same) as response:
                if response.status != HTTPStatus.PARTIAL_CONTENT:  # not every server supports Range
                    _empty(file)
                etag = response.headers.get("ETag")
                for chunk in response.stream(CHUNK_BYTES):
                    file.write(chunk)
                    if file.tell() > most:  # else a download that always breaks at the same byte would never end
                        most, self._silent_since = file.tell(), None

        def ask_anew_if_changed() -> None:
            try:
                ask()
            except S3Error as error:
                if not file.tell() or error.code not in _CHANGED:
                    raise
                _empty(file)
                ask()

        self._asked(place, ask_anew_if_changed)

    @contextmanager
    def _opened(self, place: Place, **how: Any) -> Iterator[Any]:
        response = self._client.get_object(place.bucket, place.key, **how)
        response.decode_content = False  # the stored bytes, for any Content-Encoding
        try:
            yield response
        finally:
            response.close()
            response.release_conn()

    def _asked(self, place: Place, ask: Callable[[], T]) -> T:
        from epochal_server.storage_errors import trouble  # noqa: PLC0415 - this module imports the client, too

        delay = FIRST_DELAY
        while True:
            try:
                result = ask()
            except Exception as error:
                found = trouble(error, str(place), self._endpoint)
                if found is None:
                    raise
                if found.kind != "passing":
                    reason: Reason = "ModelNotFound" if found.kind == "absent" else "StorageRefused"
                    raise Ended(reason, found.message) from error
                now = time.monotonic()
                if self._silent_since is None:
                    self._silent_since, delay = now, FIRST_DELAY
                left = self._silent_since + self._seconds - now
                if left <= 0:
                    told = f"{found.message}; tried for {self._seconds:.0f} s, and again by the next start"
                    raise Ended("StorageUnreachable", told) from error
                log.warning("the storage is waited for: %s", found.message)
                self._waits(found.message)
                time.sleep(min(delay, left))
                delay = min(2 * delay, LONGEST_DELAY)
            else:
                self._silent_since = None
                self._waits(None)
                return result


def _empty(file: BinaryIO) -> None:
    file.seek(0)
    file.truncate()


def _trust(ca_file: Path) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file.exists():
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:
            raise Ended(
                "InvalidConfig",
                f"the certificate authority that spec.storage.caConfigMapRef names cannot be read ({error}): it must "
                "be PEM certificates",
            ) from error
    return context
