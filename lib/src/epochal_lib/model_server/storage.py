"""Downloads objects of the model from its bucket."""

import logging
import os
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, TypeVar

from epochal_api.modelserver.config import StorageConfig
from epochal_api.modelserver.pod import WAIT_SECONDS
from epochal_api.pod import ACCESS_KEY_ENV, SECRET_KEY_ENV, SESSION_TOKEN_ENV, STORAGE_CA_FILE

from epochal_lib.digests import sha256
from epochal_lib.model_server.errors import Reason, ServeError
from epochal_lib.model_server.place import Place
from epochal_lib.s3.client import connect, opened
from epochal_lib.s3.errors import Request, StorageErrorInfo, explain

FIRST_DELAY = 0.2
LONGEST_DELAY = 5.0
CHUNK_BYTES = 2**20
SMALL_BYTES = 16 * 2**20
"""Limit of objects that are read into memory as a whole. They must be smaller."""

T = TypeVar("T")

log = logging.getLogger(__name__)


class Storage:
    """The S3 service. Its calls retry until the service answers or the time is over.

    Args:
        config: The endpoint and the region.
        environ: The environment, with the access keys.
        ca_file: Certificates to trust beside the system's, if the file exists.
        waits: Called with the reason for each retry, and with None after a success.
        seconds: Maximum time of retries without progress.

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
        seconds: float = WAIT_SECONDS,
    ) -> None:
        self._endpoint = config.endpoint.rstrip("/")
        self._waits = waits
        self._seconds = seconds
        self._silent_since: float | None = None
        access, secret = environ.get(ACCESS_KEY_ENV, ""), environ.get(SECRET_KEY_ENV, "")
        if not access or not secret:
            raise ServeError(
                "StorageRefused",
                "there is no access key or no secret key: set accessKey and secretKey in the Secret that "
                "spec.storage.secretRef names",
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
                f"the certificate authority that spec.storage.caConfigMapRef names cannot be read ({error}): it must "
                "be PEM certificates",
            ) from error
        except ValueError as error:
            raise ServeError(
                "InvalidConfig", f"spec.storage.endpoint {config.endpoint} is no address: {error}"
            ) from error

    def get(self, place: Place) -> bytes:
        """Return the content of a small object.

        Raises:
            ServeError: ModelNotFound, StorageUnreachable, StorageRefused; ModelDamaged, if the object is too
                large.
        """

        def ask() -> bytes:
            with opened(self._client, place.bucket, place.key) as response:
                return bytes(response.read(SMALL_BYTES))

        data = self._asked(place, ask)
        if len(data) == SMALL_BYTES:
            raise ServeError(
                "ModelDamaged", f"{place}: must hold less than {SMALL_BYTES:,} bytes: export the model again"
            )
        return data

    def download(self, place: Place, path: Path) -> str:
        """Write an object to a file and return its digest.

        Args:
            place: The object.
            path: The file. It exists only once the download is complete.

        Returns:
            The object's SHA-256 in hex.

        Raises:
            ServeError: ModelNotFound, StorageUnreachable or StorageRefused.
        """
        unfinished = path.with_name(f"{path.name}.unfinished")
        try:
            with unfinished.open("wb") as file:
                self._write(place, file)
            digest = sha256(unfinished)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
        return digest

    def _write(self, place: Place, file: BinaryIO) -> None:
        """Write an object to a file. A retry continues after the received bytes if the object has not changed."""
        etag: str | None = None
        most = 0

        def ask() -> None:
            nonlocal etag, most
            begin = file.tell()
            same = {"If-Match": etag} if begin and etag else None
            with opened(self._client, place.bucket, place.key, offset=begin, request_headers=same) as response:
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
            except Exception as error:
                found = self._explain(error, place)
                if not file.tell() or found is None or found.reason != "ObjectChanged":
                    raise
                _empty(file)
                ask()

        self._asked(place, ask_anew_if_changed)

    def _explain(self, error: Exception, place: Place) -> StorageErrorInfo | None:
        return explain(error, Request(self._endpoint, place.bucket, "read", place.key))

    def _asked(self, place: Place, ask: Callable[[], T]) -> T:
        delay = FIRST_DELAY
        while True:
            try:
                result = ask()
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
                if self._silent_since is None:
                    self._silent_since, delay = now, FIRST_DELAY
                left = self._silent_since + self._seconds - now
                if left <= 0:
                    told = f"{found.message}; tried for {self._seconds:.0f} s, and again by the next start"
                    raise ServeError("StorageUnreachable", told) from error
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
