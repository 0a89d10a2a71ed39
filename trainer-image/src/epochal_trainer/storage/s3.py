"""A bucket of an S3 service."""

import hashlib
import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TypeVar
from xml.etree.ElementTree import ParseError

from epochal_api.pod import ExitCode
from epochal_lib.digests import sha256, sha256_of
from epochal_lib.partial_file import partial_file
from epochal_lib.s3.client import connect, open_object, read_object
from epochal_lib.s3.errors import Request, StorageErrorInfo, Verb, explain, unreachable
from minio.error import MinioException, S3Error
from urllib3 import Retry
from urllib3.exceptions import HTTPError, ProtocolError

from epochal_trainer.lib.failures import Failure, bad_data, bad_spec, refused_failure
from epochal_trainer.storage import suggestions
from epochal_trainer.storage.bucket import ObjectInfo
from epochal_trainer.storage.credentials import Credentials
from epochal_trainer.storage.failures import SMALL_BYTES, check_disk_space, check_size, not_found, object_changed
from epochal_trainer.storage.retry import RetryPolicy

T = TypeVar("T")

EXIT_CODES = {
    "BucketNotFound": ExitCode.BAD_DATA,
    "CredentialsRefused": ExitCode.REFUSED,
    "EndpointUnreachable": ExitCode.BAD_SPEC,
    "ObjectChanged": ExitCode.BAD_DATA,
    "ObjectNotFound": ExitCode.BAD_DATA,
    "ResultsNotWritable": ExitCode.REFUSED,
    "StorageError": ExitCode.BAD_SPEC,
    "WrongRegion": ExitCode.BAD_SPEC,
}
REVOCABLE = frozenset(
    {"BucketNotFound", "CredentialsRefused", "EndpointUnreachable", "ResultsNotWritable", "WrongRegion"}
)
"""Reasons of failures that may be temporary if the same request was allowed before: an administrator may be changing
the storage or its permissions."""
RETRIES = 2
"""Maximum immediate retries of a single HTTP request, so that a lost connection does not restart a large upload."""
CONNECT_RETRIES = 1
TRIES = 3
"""Maximum number of uploads or downloads of an object while its content differs after the transfer."""
PART_BYTES = 16 * 1024**2
CHUNK_BYTES = 1024**2
CONNECTIONS = 4
MD5_HEX = 32


class DownloadCancelled(Exception):
    """Raised in the download of a part of an object after another part has failed."""


class ContentDiffers(Failure):
    """The S3 service returns other content than the trainer wrote."""


class S3Bucket:
    """A bucket of an S3 service.

    Args:
        endpoint: http://HOST[:PORT] or https://HOST[:PORT].
        bucket: Name of the bucket.
        credentials: The credentials that sign requests.
        region: Region in the signatures of requests.
        ca_file: PEM certificates to trust in addition to the system's.
        retry: Retries requests if the service does not answer. Requests that the service refuses after it has accepted
            them before are retried too, so that a temporary change of permissions does not lose finished work.

    Raises:
        Failure: InvalidCertificateAuthority, if `ca_file` has no certificates. EndpointUnreachable, if the endpoint
            is not a valid address.
    """

    def __init__(
        self,
        endpoint: str,
        bucket: str,
        credentials: Credentials,
        *,
        region: str = "us-east-1",
        ca_file: Path | None = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        self.endpoint = endpoint.rstrip("/")
        self.name = bucket
        self._credentials = credentials
        self._retry = retry or RetryPolicy()
        self._allowed: set[Verb] = set()
        self._is_verified = False
        try:
            self._client = connect(
                self.endpoint,
                access_key=credentials.access_key,
                secret_key=credentials.secret_key,
                session_token=credentials.session_token,
                region=region,
                ca_file=ca_file,
                connections=CONNECTIONS,
                retries=Retry(
                    total=RETRIES,
                    connect=CONNECT_RETRIES,
                    read=0,
                    redirect=False,
                    backoff_factor=0.2,
                    status_forcelist=(500, 502, 503, 504),
                    # Retry-After may ask for hours, and urllib3 would not report that wait.
                    respect_retry_after_header=False,
                    raise_on_status=False,
                ),
            )
        except OSError as error:
            message = f"cannot read the CA of spec.storage.caConfigMapRef ({error}): it must contain PEM certificates"
            raise bad_spec("InvalidCertificateAuthority", message) from error
        except ValueError as error:
            message = f"spec.storage.endpoint {endpoint} is not a valid address: {error}"
            raise bad_spec("EndpointUnreachable", message) from error

    def uri(self, key: str) -> str:
        """Return the URI s3://bucket/key; see `Bucket.uri`."""
        return f"s3://{self.name}/{key}"

    def check(self) -> None:
        """Check that the bucket exists and accepts the credentials; see `Bucket.check`.

        Credentials that may not list the bucket (AccessDenied) pass the check, because they may still read objects.
        """
        try:
            self._request("find", "", lambda: next(self._client.list_objects(self.name), None))
        except Failure as error:
            if not isinstance(error.__cause__, S3Error) or error.__cause__.code != "AccessDenied":
                raise

    def stat(self, key: str) -> ObjectInfo:
        """Return the metadata of an object, or raise ObjectNotFound or another Failure of `Bucket.stat`."""

        def send() -> ObjectInfo:
            try:
                found = self._client.stat_object(self.name, key)
            except S3Error as error:
                if error.code != "AccessDenied":
                    raise
                # The response to HEAD has no body with the reason; the response to GET has one.
                self._client.get_object(self.name, key, length=1).release_conn()
                raise
            etag = found.etag or ""
            encryption = (found.metadata or {}).get("x-amz-server-side-encryption", "AES256")
            plain = encryption == "AES256" and len(etag) == MD5_HEX and etag.isalnum()
            return ObjectInfo(size=found.size or 0, etag=etag, md5=etag if plain else None)

        try:
            return self._request("read", key, send)
        except Failure as error:
            if error.reason != "ObjectNotFound":
                raise
            raise self._not_found(key) from error

    def keys(self, prefix: str) -> list[str]:
        """Return the sorted keys that begin with a prefix; see `Bucket.keys`."""

        def send() -> list[str]:
            found = self._client.list_objects(self.name, prefix=prefix, recursive=True)
            return sorted(entry.object_name for entry in found if entry.object_name)

        return self._request("list", prefix, send)

    def entries(self, prefix: str) -> list[str]:
        """Return the first keys and folders that begin with a prefix; see `Bucket.entries`."""

        def send() -> list[str]:
            found = self._client.list_objects(self.name, prefix=prefix)
            return sorted(entry.object_name for entry in islice(found, suggestions.MAX_ENTRIES) if entry.object_name)

        return self._request("list", prefix, send)

    def get(self, key: str) -> bytes:
        """Return the content of a small object, or raise ObjectNotFound or another Failure of `Bucket.get`."""

        def send() -> bytes:
            with open_object(self._client, self.name, key) as response:
                return check_size(read_object(response, SMALL_BYTES + 1), self.uri(key))

        return self._request("read", key, send)

    def download(self, key: str, path: Path) -> str:
        """Download an object to a file; see `Bucket.download`.

        A large object is downloaded in parts over several connections. Each request fails if the ETag has changed.
        """
        found = self.stat(key)
        with partial_file(path) as partial, check_disk_space(path, found.size, self.uri(key)):
            with partial.open("wb") as file:
                file.truncate(found.size)
            for _ in range(TRIES):
                self._download_parts(key, found, partial)
                if found.md5 is None or _md5(partial) == found.md5:
                    break
            else:
                message = f"MD5 mismatch in {TRIES} downloads of {self.uri(key)}, whose ETag is {found.etag}"
                raise bad_data("DamagedData", f"{message}: upload it again")
        return sha256(path)

    def put(self, key: str, data: bytes) -> None:
        """Write a small object; see `Bucket.put`."""
        self._store(key, len(data), lambda: io.BytesIO(data))

    def upload(self, path: Path, key: str, *, before: Callable[[], None] = lambda: None) -> None:
        """Upload a file to an object; see `Bucket.upload`.

        If the service's ETag is the expected one, computed from the MD5 of the content, the upload is verified.
        Otherwise, as with some encryption, the object is downloaded to compare it.
        """
        self._store(key, path.stat().st_size, lambda: path.open("rb"), before)

    def delete(self, key: str) -> None:
        """Delete an object; see `Bucket.delete`."""
        self._request("delete", key, lambda: self._client.remove_object(self.name, key))

    def _request(self, verb: Verb, key: str, call: Callable[[], T], retry: RetryPolicy | None = None) -> T:
        request = Request(self.endpoint, self.name, verb, key)

        def temporary_failure(error: Exception) -> Failure | None:
            found = explain(error, request, self._credentials.redactor)
            if found is None:
                return None
            revoked = found.reason in REVOCABLE and self._allowed.issuperset((verb, "write"))
            return _failure(found) if found.temporary or revoked else None

        try:
            no_answer = "no answer so far: check spec.storage.endpoint, the service and any NetworkPolicy"
            slow_failure = None if self._allowed else _failure(unreachable(request, no_answer))
            result = (retry or self._retry).call_with_retries(call, temporary_failure, slow_failure)
        except Failure:
            raise
        except Exception as error:
            found = explain(error, request, self._credentials.redactor)
            if found is None:
                raise
            failure = _failure(found)
            if found.reason == "BucketNotFound":
                raise self._with_bucket_names(failure) from error
            if found.reason == "CredentialsRefused" and (advice := self._credentials.advice) is not None:
                raise refused_failure(found.reason, f"{found.message}; {advice}") from error
            raise failure from error
        self._allowed.add(verb)
        return result

    def _store(
        self, key: str, size: int, opened: Callable[[], BinaryIO], before: Callable[[], None] = lambda: None
    ) -> None:
        with opened() as content:
            etag = _etag(content, size)

        writes = 0

        def send() -> None:
            before()
            with opened() as content:
                self._client.put_object(self.name, key, content, size, part_size=PART_BYTES)

        def store() -> None:
            nonlocal writes
            self._request("write", key, send)
            writes += 1
            if not self._has_content(key, size, etag, opened):
                times = "1 write" if writes == 1 else f"{writes} writes"
                message = (
                    f"{self.uri(key)} at {self.endpoint} differs from the {size:,} bytes that were uploaded ({times}): "
                    "check that no other program writes there, and that the service is healthy"
                )
                raise ContentDiffers("ResultsNotWritable", message, ExitCode.REFUSED)

        def temporary_failure(error: Exception) -> Failure | None:
            return error if isinstance(error, ContentDiffers) and (self._is_verified or writes < TRIES) else None

        self._retry.call_with_retries(store, temporary_failure)
        self._is_verified = True

    def _has_content(self, key: str, size: int, etag: str, opened: Callable[[], BinaryIO]) -> bool:
        try:
            stored = self.stat(key)
            if stored.size != size or stored.etag == etag:
                return stored.size == size
            with opened() as content:
                expected = sha256_of(_parts(content, size))
            return self._request("read", key, lambda: self._digest(key)) == expected
        except Failure as error:
            if error.reason != "ObjectNotFound":
                raise
            return False

    def _digest(self, key: str) -> str:
        with open_object(self._client, self.name, key) as response:
            return sha256_of(response.stream(CHUNK_BYTES))

    def _download_parts(self, key: str, found: ObjectInfo, path: Path) -> None:
        cancelled = threading.Event()

        def check() -> None:
            if cancelled.is_set():
                raise DownloadCancelled
            self._retry.check()

        def download_part(offset: int) -> None:
            self._download_part(key, found, path, offset, replace(self._retry, check=check))

        with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="download") as pool:
            parts = [pool.submit(download_part, offset) for offset in range(0, found.size, PART_BYTES)]
            try:
                for part in parts:
                    part.result()
            except BaseException:
                cancelled.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _download_part(self, key: str, found: ObjectInfo, path: Path, offset: int, retry: RetryPolicy) -> None:
        length = min(PART_BYTES, found.size - offset)

        def send() -> None:
            headers = {"If-Match": f'"{found.etag}"'} if found.etag else None
            part = {"offset": offset, "length": length, "request_headers": headers}
            with open_object(self._client, self.name, key, **part) as response:
                if response.headers.get("Content-Length") != str(length):
                    raise object_changed(self.uri(key))
                with path.open("r+b") as file:
                    file.seek(offset)
                    for chunk in response.stream(CHUNK_BYTES):
                        retry.check()
                        file.write(chunk)
                    if file.tell() != offset + length:
                        raise ProtocolError(f"received {file.tell() - offset:,} of {length:,} bytes")

        self._request("read", key, send, retry)

    def _not_found(self, key: str) -> Failure:
        location = f"{self.uri(key)} at {self.endpoint}"
        try:
            return not_found(location, suggestions.suggest_key(key, self.entries))
        except Failure as error:
            return error if error.reason == "BucketNotFound" else not_found(location, None)

    def _with_bucket_names(self, found: Failure) -> Failure:
        """Return the failure for a missing bucket, with the names of existing buckets if they may be listed."""
        try:
            names = [bucket.name for bucket in self._client.list_buckets()]
        except (MinioException, HTTPError, ParseError, ValueError):
            return found
        # Some storages list only the buckets that belong to the credentials.
        advice = suggestions.suggest_name(self.name, names) if names else "these credentials can list no bucket"
        return Failure(found.reason, f"{found.message}; {advice}", found.exit_code)


def _failure(found: StorageErrorInfo) -> Failure:
    return Failure(found.reason, found.message, EXIT_CODES[found.reason])


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _etag(content: BinaryIO, size: int) -> str:
    """Return the ETag that a service without encryption gives to content that is uploaded in parts of PART_BYTES."""
    parts = [hashlib.md5(part, usedforsecurity=False) for part in _parts(content, size)]
    if len(parts) == 1:
        return parts[0].hexdigest()
    combined = hashlib.md5(b"".join(part.digest() for part in parts), usedforsecurity=False)
    return f"{combined.hexdigest()}-{len(parts)}"


def _parts(content: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield the first `size` bytes of a file in upload parts, without bytes that are appended meanwhile."""
    for begin in range(0, max(1, size), PART_BYTES):
        yield content.read(min(PART_BYTES, size - begin))
