"""Creates the client of an S3 service, and opens objects for reading."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from minio import Minio
from urllib3 import PoolManager, Retry, Timeout

from epochal_lib.s3.bounded import AnswerLimits, BoundedPool

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
_CHUNK_BYTES = 2**20


def connect(
    endpoint: str,
    *,
    access_key: str,
    secret_key: str,
    session_token: str | None,
    region: str,
    ca_file: Path | None = None,
    authority: str = "",
    limits: AnswerLimits | None = None,
    connections: int = 1,
    retries: Retry | Literal[False] = False,
) -> Minio:
    """Return the client of an S3 service. It sends no request yet.

    Args:
        endpoint: http://HOST[:PORT] or https://HOST[:PORT].
        access_key: The access key that signs requests.
        secret_key: The secret key that signs requests.
        session_token: The session token of temporary credentials, or None.
        region: Region in the signatures of requests.
        ca_file: PEM certificates to trust in addition to the system's, or None.
        authority: PEM certificates to trust in addition, as text.
        limits: Limits of answers, for a service that may be hostile; None for no limits.
        connections: Maximum number of idle connections that stay open.
        retries: Immediate retries of a single request.

    Raises:
        OSError: If `ca_file` or `authority` holds no certificates.
        ValueError: If the endpoint is no valid address.
    """
    address = urlsplit(endpoint)
    secure = address.scheme == "https"
    context = ssl.create_default_context() if secure else None
    if context is not None and ca_file is not None:
        context.load_verify_locations(ca_file)
    if context is not None and authority:
        context.load_verify_locations(cadata=authority.encode("ascii", "replace").decode())
    timeout = Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    options: dict[str, Any] = {"timeout": timeout, "maxsize": connections, "retries": retries, "ssl_context": context}
    pool = PoolManager(**options) if limits is None else BoundedPool(limits, **options)
    return Minio(
        address.netloc,
        access_key=access_key,
        secret_key=secret_key,
        session_token=session_token,
        secure=secure,
        region=region,
        http_client=pool,
    )


@contextmanager
def open_object(client: Minio, bucket: str, key: str, **options: Any) -> Iterator[Any]:
    """Open an object for reading.

    At the end, the response is closed: if it was not read to its end, no other request can use its connection.
    """
    response = client.get_object(bucket, key, **options)
    response.decode_content = False  # return the stored bytes in spite of their Content-Encoding
    try:
        yield response
    finally:
        response.close()
        response.release_conn()


def read_object(response: Any, limit: int) -> bytes:
    """Return the content of an open object, or its first `limit` bytes.

    A single `response.read(limit)` would return the bytes before a lost connection as if they were the whole content.

    Raises:
        HTTPError: If the connection ends before the end of the content.
    """
    content = bytearray()
    for chunk in response.stream(min(limit, _CHUNK_BYTES)):
        content += chunk
        if len(content) >= limit:
            break
    return bytes(content[:limit])
