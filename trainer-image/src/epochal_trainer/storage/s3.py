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
from epochal_lib.s3.client import connect, open_object
from epochal_lib.s3.errors import Request, StorageErrorInfo, Verb, explain, unreachable
from minio.error import MinioException, S3Error
from urllib3 import Retry
from urllib3.exceptions import HTTPError, ProtocolError

from epochal_trainer.lib.failures import Failure, bad_data, bad_spec, refused
from epochal_trainer.storage import near
from epochal_trainer.storage.bucket import ObjectInfo
from epochal_trainer.storage.credentials import Credentials
from epochal_trainer.storage.faults import SMALL_BYTES, bounded, not_found, object_changed, room_for
from epochal_trainer.storage.patience import Patience

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
"""Immediate retries of a single request, so that a lost connection does not restart a large upload."""
CONNECT_RETRIES = 1
TRIES = 3
"""Number of tries to send or fetch content whose checksum differs."""
PART_BYTES = 16 * 1024**2
CHUNK_BYTES = 1024**2
CONNECTIONS = 4
MD5_HEX = 32


class Abandoned(Exception):
    """The error that ends the download of a part after another part failed."""


class Altered(Failure):
    """The service does not hold the content that was written to it."""


class S3Bucket:
    """A bucket of an S3 service.

    Args:
        endpoint: http://HOST[:PORT] or https://HOST[:PORT].
        bucket: Name of the bucket.
        credentials: The credentials that sign requests.
        region: Region in the signatures of requests.
        ca_file: PEM certificates to trust in addition to the system's.
        patience: Limits the wait for a service that does not answer. A permission that the service granted before and
            then revoked is waited for too, so that finished work is not lost.

    Raises:
        Failure: InvalidCertificateAuthority, if `ca_file` holds no certificates. EndpointUnreachable, if the endpoint
            is no valid address.
    """

    def __init__(
        self,
        endpoint: str,
        bucket: str,
        credentials: Credentials,
        *,
        region: str = "us-east-1",
        ca_file: Path | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.endpoint = endpoint.rstrip("/")
        self.name = bucket
        self._credentials = credentials
        self._patience = patience or Patience()
        self._allowed: set[Verb] = set()
        self._keeps = False
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
            raise bad_spec(
                "InvalidCertificateAuthority",
                f"the certificate authority that spec.storage.caConfigMapRef names cannot be read ({error}): "
                "it must be PEM certificates",
            ) from error
        except ValueError as error:
            raise bad_spec("EndpointUnreachable", f"spec.storage.endpoint {endpoint} is no address: {error}") from error

    def uri(self, key: str) -> str:
        """Return the URI s3://bucket/key; see `Bucket.uri`."""
        return f"s3://{self.name}/{key}"

    def check(self) -> None:
        """Check that the bucket exists and accepts the credentials; see `Bucket.check`.

        Valid credentials without the permission to list pass the check: they may still read.
        """
        try:
            self._ask("find", "", lambda: next(self._client.list_objects(self.name), None))
        except Failure as error:
            if not isinstance(error.__cause__, S3Error) or error.__cause__.code != "AccessDenied":
                raise

    def stat(self, key: str) -> ObjectInfo:
        """Return the metadata of an object; see `Bucket.stat`."""

        def ask() -> ObjectInfo:
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
            return self._ask("read", key, ask)
        except Failure as error:
            if error.reason != "ObjectNotFound":
                raise
            raise self._not_found(key) from error

    def keys(self, prefix: str) -> list[str]:
        """Return the sorted keys that begin with a prefix; see `Bucket.keys`."""

        def ask() -> list[str]:
            found = self._client.list_objects(self.name, prefix=prefix, recursive=True)
            return sorted(entry.object_name for entry in found if entry.object_name)

        return self._ask("list", prefix, ask)

    def entries(self, prefix: str) -> list[str]:
        """Return some keys and folders that begin with a prefix; see `Bucket.entries`."""

        def ask() -> list[str]:
            found = self._client.list_objects(self.name, prefix=prefix)
            return sorted(entry.object_name for entry in islice(found, near.MOST) if entry.object_name)

        return self._ask("list", prefix, ask)

    def get(self, key: str) -> bytes:
        """Return the content of a small object; see `Bucket.get`."""

        def ask() -> bytes:
            with open_object(self._client, self.name, key) as response:
                return bounded(response.read(SMALL_BYTES + 1), self.uri(key))

        return self._ask("read", key, ask)

    def download(self, key: str, path: Path) -> str:
        """Download an object to a file; see `Bucket.download`.

        A large object is fetched in parts over several connections. Each part is conditional on the unchanged ETag.
        """
        found = self.stat(key)
        unfinished = path.with_name(f"{path.name}.unfinished")
        try:
            with room_for(path, found.size, self.uri(key)):
                with unfinished.open("wb") as file:
                    file.truncate(found.size)
                for _ in range(TRIES):
                    self._fetch(key, found, unfinished)
                    if found.md5 is None or _md5(unfinished) == found.md5:
                        break
                else:
                    raise bad_data(
                        "DamagedData",
                        f"{self.uri(key)} arrived {TRIES} times with another MD5 than its ETag {found.etag}: upload it "
                        "again",
                    )
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
        return sha256(path)

    def put(self, key: str, data: bytes) -> None:
        """Write a small object; see `Bucket.put`."""
        self._store(key, len(data), lambda: io.BytesIO(data))

    def upload(self, path: Path, key: str, *, before: Callable[[], None] = lambda: None) -> None:
        """Upload a file to an object; see `Bucket.upload`.

        If the service's ETag is the MD5 of the content, it verifies the upload. Otherwise, as with some encryption, the
        object is read back.
        """
        self._store(key, path.stat().st_size, lambda: path.open("rb"), before)

    def delete(self, key: str) -> None:
        """Delete an object; see `Bucket.delete`."""
        self._ask("delete", key, lambda: self._client.remove_object(self.name, key))

    def _ask(self, verb: Verb, key: str, call: Callable[[], T], patience: Patience | None = None) -> T:
        request = Request(self.endpoint, self.name, verb, key)

        def passing(error: Exception) -> Failure | None:
            found = explain(error, request, self._credentials.hidden)
            if found is None:
                return None
            revoked = found.reason in REVOCABLE and self._allowed.issuperset((verb, "write"))
            return _failure(found) if found.temporary or revoked else None

        try:
            no_answer = "no answer so far: check spec.storage.endpoint, the service and any NetworkPolicy"
            silence = None if self._allowed else _failure(unreachable(request, no_answer))
            result = (patience or self._patience).persevere(call, passing, silence)
        except Failure:
            raise
        except Exception as error:
            found = explain(error, request, self._credentials.hidden)
            if found is None:
                raise
            failure = _failure(found)
            if found.reason == "BucketNotFound":
                raise self._named_others(failure) from error
            raise self._advised(failure) from error
        self._allowed.add(verb)
        return result

    def _advised(self, found: Failure) -> Failure:
        """Return a failure with advice about the secret key if the storage rejected the credentials."""
        advice = self._credentials.advice if found.reason == "CredentialsRefused" else None
        return found if advice is None else refused(found.reason, f"{found.message}; {advice}")

    def _store(
        self, key: str, size: int, opened: Callable[[], BinaryIO], before: Callable[[], None] = lambda: None
    ) -> None:
        with opened() as content:
            etag = _etag(content, size)

        writes = 0

        def ask() -> None:
            before()
            with opened() as content:
                self._client.put_object(self.name, key, content, size, part_size=PART_BYTES)

        def store() -> None:
            nonlocal writes
            self._ask("write", key, ask)
            writes += 1
            if not self._holds(key, size, etag, opened):
                message = (
                    f"{self.uri(key)} at {self.endpoint} does not hold the {size:,} bytes that were written to it "
                    f"{'once' if writes == 1 else f'{writes} times'}: let nothing else write there, and check that the "
                    "service is healthy"
                )
                raise Altered("ResultsNotWritable", message, ExitCode.REFUSED)

        def passing(error: Exception) -> Failure | None:
            return error if isinstance(error, Altered) and (self._keeps or writes < TRIES) else None

        self._patience.persevere(store, passing)
        self._keeps = True

    def _holds(self, key: str, size: int, etag: str, opened: Callable[[], BinaryIO]) -> bool:
        try:
            stored = self.stat(key)
            if stored.size != size or stored.etag == etag:
                return stored.size == size
            with opened() as content:
                wanted = sha256_of(_parts(content, size))
            return self._ask("read", key, lambda: self._digest(key)) == wanted
        except Failure as error:
            if error.reason != "ObjectNotFound":
                raise
            return False

    def _digest(self, key: str) -> str:
        with open_object(self._client, self.name, key) as response:
            return sha256_of(response.stream(CHUNK_BYTES))

    def _fetch(self, key: str, found: ObjectInfo, path: Path) -> None:
        abandoned = threading.Event()

        def check() -> None:
            if abandoned.is_set():
                raise Abandoned
            self._patience.check()

        def fetch(offset: int) -> None:
            self._fetch_part(key, found, path, offset, replace(self._patience, check=check))

        with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="download") as pool:
            parts = [pool.submit(fetch, offset) for offset in range(0, found.size, PART_BYTES)]
            try:
                for part in parts:
                    part.result()
            except BaseException:
                abandoned.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _fetch_part(self, key: str, found: ObjectInfo, path: Path, offset: int, patience: Patience) -> None:
        length = min(PART_BYTES, found.size - offset)

        def ask() -> None:
            same = {"If-Match": f'"{found.etag}"'} if found.etag else None
            with open_object(
                self._client, self.name, key, offset=offset, length=length, request_headers=same
            ) as response:
                if response.headers.get("Content-Length") != str(length):
                    raise object_changed(self.uri(key))
                with path.open("r+b") as file:
                    file.seek(offset)
                    for chunk in response.stream(CHUNK_BYTES):
                        patience.check()
                        file.write(chunk)
                    if file.tell() != offset + length:
                        raise ProtocolError(f"{file.tell() - offset:,} bytes came instead of {length:,}")

        self._ask("read", key, ask, patience)

    def _not_found(self, key: str) -> Failure:
        where = f"{self.uri(key)} at {self.endpoint}"
        try:
            return not_found(where, near.advise(key, self.entries))
        except Failure as error:
            return error if error.reason == "BucketNotFound" else not_found(where, None)

    def _named_others(self, found: Failure) -> Failure:
        """Return the failure for a missing bucket, with the existing buckets if the credentials may list them."""
        try:
            names = [bucket.name for bucket in self._client.list_buckets()]
        except (MinioException, HTTPError, ParseError, ValueError):
            return found
        # Some storages list only the buckets that belong to the credentials.
        advice = near.among(self.name, names) if names else "these credentials are shown no bucket at all"
        return Failure(found.reason, f"{found.message}; {advice}", found.exit_code)


def _failure(found: StorageErrorInfo) -> Failure:
    return Failure(found.reason, found.message, EXIT_CODES[found.reason])


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _etag(content: BinaryIO, size: int) -> str:
    """Return the ETag of content that a service stores unencrypted, in a single part or in several."""
    parts = [hashlib.md5(part, usedforsecurity=False) for part in _parts(content, size)]
    if len(parts) == 1:
        return parts[0].hexdigest()
    whole = hashlib.md5(b"".join(part.digest() for part in parts), usedforsecurity=False)
    return f"{whole.hexdigest()}-{len(parts)}"


def _parts(content: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield the upload parts of content of a given size, without bytes that are appended in the meantime."""
    for begin in range(0, max(1, size), PART_BYTES):
        yield content.read(min(PART_BYTES, size - begin))
