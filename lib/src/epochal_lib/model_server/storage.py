"""Downloads objects of the model from its bucket."""

import logging
import os
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, TypeVar

from epochal_api.modelserver.config import StorageConfig
from epochal_api.modelserver.pod import STORAGE_WAIT_SECONDS
from epochal_api.pod import ACCESS_KEY_ENV, SECRET_KEY_ENV, SESSION_TOKEN_ENV, STORAGE_CA_FILE

from epochal_lib.digests import sha256
from epochal_lib.model_server.errors import Reason, ServeError
from epochal_lib.model_server.place import Place
from epochal_lib.partial_file import partial_file
from epochal_lib.redaction import Redactor
from epochal_lib.s3.client import connect, open_object, read_object
from epochal_lib.s3.errors import CREDENTIALS, Request, StorageErrorInfo, explain

FIRST_DELAY = 0.2
LONGEST_DELAY = 5.0
CHUNK_BYTES = 2**20
SMALL_BYTES = 16 * 2**20
"""Size in bytes from which `Storage.get` refuses an object."""

T = TypeVar("T")

log = logging.getLogger(__name__)


class Storage:
    """The S3 service of the model. Its methods retry until the service answers or the time is over.

    Args:
        config: The endpoint and the region.
        environ: The environment, with the access keys.
        ca_file: Certificates to trust beside the system's, if the file exists.
        waits: Called before each retry with the error message, and after a success with None.
        seconds: Maximum seconds of retries without a newly received byte.

    Raises:
        ServeError: InvalidConfig, if the endpoint is invalid; StorageRefused, if there are no keys.
    """

    def __init__(
        self,
        config: StorageConfig,
        environ: Mapping[str, str] = os.environ,
        *,
        ca_file: Path = Path(STORAGE_CA_FILE),
        waits: Callable[[str | None], None] = lambda _: None,
        seconds: float = STORAGE_WAIT_SECONDS,
    ) -> None:
        self._endpoint = config.endpoint.rstrip("/")
        self._waits = waits
        self._seconds = seconds
        self._unanswered_since: float | None = None
        self._redact = Redactor.of_environment(environ)
        access, secret = environ.get(ACCESS_KEY_ENV, ""), environ.get(SECRET_KEY_ENV, "")
        if not access or not secret:
            raise ServeError(
                "StorageRefused",
                f"access key or secret key is missing: {CREDENTIALS}",
            )
        try:
            self._client = connect(
                self._endpoint,
                access_key=access,
                secret_key=secret,
                session_token=environ.get(SESSION_TOKEN_ENV) or None,
                region=config.region,
                ca_file=ca_file if ca_file.exists() else None,
            )
        except OSError as error:
            raise ServeError(
                "InvalidConfig",
                f"cannot read the certificate authority of spec.storage.caConfigMapRef ({error}): put PEM certificates "
                "into that ConfigMap",
            ) from error
        except ValueError as error:
            raise ServeError(
                "InvalidConfig",
                f"spec.storage.endpoint: expected http://HOST[:PORT] or https://HOST[:PORT], found {config.endpoint!r} "
                f"({error}): correct the endpoint",
            ) from error

    def get(self, place: Place) -> bytes:
        """Return the content of a small object.

        Raises:
            ServeError: ModelNotFound, StorageUnreachable, StorageRefused; ModelDamaged, if the object has
                SMALL_BYTES or more.
        """

        def read() -> bytes:
            with open_object(self._client, place.bucket, place.key) as response:
                return read_object(response, SMALL_BYTES)

        data = self._retry(place, read)
        if len(data) == SMALL_BYTES:
            raise ServeError(
                "ModelDamaged", f"{place}: expected less than {SMALL_BYTES:,} bytes, found more: export the model again"
            )
        return data

    def download(self, place: Place, path: Path) -> str:
        """Download an object to a file, and return its SHA-256 in hex. The file exists only once it is complete.

        Raises:
            ServeError: ModelNotFound, StorageUnreachable or StorageRefused.
        """
        with partial_file(path) as partial:
            with partial.open("wb") as file:
                self._write(place, file)
            return sha256(partial)

    def _write(self, place: Place, file: BinaryIO) -> None:
        """Write an object to an open file. A retry requests only the missing bytes, if the object has not changed."""
        etag: str | None = None
        most = 0

        def read() -> None:
            nonlocal etag, most
            begin = file.tell()
            same = {"If-Match": etag} if begin and etag else None
            with open_object(self._client, place.bucket, place.key, offset=begin, request_headers=same) as response:
                if response.status != HTTPStatus.PARTIAL_CONTENT:  # not every server supports Range
                    _truncate(file)
                etag = response.headers.get("ETag")
                for chunk in response.stream(CHUNK_BYTES):
                    file.write(chunk)
                    if file.tell() > most:  # else a download that always breaks at the same byte would never end
                        most, self._unanswered_since = file.tell(), None

        def read_again_if_changed() -> None:
            try:
                read()
            except Exception as error:
                found = self._explain(error, place)
                if not file.tell() or found is None or found.reason != "ObjectChanged":
                    raise
                _truncate(file)
                read()

        self._retry(place, read_again_if_changed)

    def _explain(self, error: Exception, place: Place) -> StorageErrorInfo | None:
        return explain(error, Request(self._endpoint, place.bucket, "read", place.key), self._redact)

    def _retry(self, place: Place, read: Callable[[], T]) -> T:
        delay = FIRST_DELAY
        while True:
            try:
                result = read()
            except Exception as error:
                found = self._explain(error, place)
                if found is None:
                    raise
                # A wrong endpoint or certificate may be corrected in a moment, without a change of the ModelServer.
                if not found.temporary and found.reason != "EndpointUnreachable":
                    is_missing = found.reason in ("BucketNotFound", "ObjectNotFound")
                    reason: Reason = "ModelNotFound" if is_missing else "StorageRefused"
                    raise ServeError(reason, found.message) from error
                now = time.monotonic()
                if self._unanswered_since is None:
                    self._unanswered_since, delay = now, FIRST_DELAY
                remaining = self._unanswered_since + self._seconds - now
                if remaining <= 0:
                    message = f"{found.message}; tried for {self._seconds:.0f} s, and will try again after a restart"
                    raise ServeError("StorageUnreachable", message) from error
                log.warning("waiting for the storage: %s", found.message)
                self._waits(found.message)
                time.sleep(min(delay, remaining))
                delay = min(2 * delay, LONGEST_DELAY)
            else:
                self._unanswered_since = None
                self._waits(None)
                return result


def _truncate(file: BinaryIO) -> None:
    file.seek(0)
    file.truncate()
