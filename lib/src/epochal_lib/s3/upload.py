"""Stores an object part by part. An upload that ends early leaves no parts in the bucket."""

import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping

from minio import Minio
from minio.datatypes import Part
from minio.error import S3Error
from minio.helpers import md5sum_hash
from minio.xml import Element, SubElement, getbytes

_NEW = {"If-None-Match": "*"}
"""A condition of S3 since 2024: no object with this key exists yet. Older services ignore or refuse the condition."""
_UNKNOWN = "NotImplemented"
"""Error code of an S3 service that does not support the condition."""
_TYPE = {"Content-Type": "application/octet-stream"}


class Upload:
    """An object that is stored in parts. No reader sees it before `finish`.

    Unlike `Minio.put_object`, it can require that the object does not exist yet. Several threads may call the methods:
    `abort` waits until a part that another thread sends is stored, since the service could otherwise keep this part.

    Args:
        client: The client of the S3 service.
        bucket: Name of the bucket.
        key: Key of the object.
    """

    def __init__(self, client: Minio, bucket: str, key: str) -> None:
        self._client = client
        self._place = (bucket, key)
        self._lock = threading.Lock()
        self._parts: list[Part] = []
        self._id = ""
        self._is_over = False

    def part(self, content: bytes | bytearray) -> None:
        """Store the next part, of at least 5 MiB. The first part begins a multipart upload.

        After `abort`, do nothing.
        """
        with self._lock:
            self._store_part(content)

    def finish(self, rest: bytes | bytearray, *, replace: bool) -> None:
        """Store the last part, and make all parts visible as one object. After `abort`, do nothing.

        Args:
            rest: The last part.
            replace: Whether to replace an existing object with this key. If false, an existing object causes an S3Error
                with one of the codes `errors.EXISTS`, unless the service does not support the condition.
        """
        with self._lock:
            if self._is_over:
                return
            if self._id:
                self._store_part(rest)
                _with_condition(self._complete, replace=replace)
            else:
                _with_condition(lambda condition: self._put(rest, condition), replace=replace)
            self._is_over = True

    def abort(self) -> None:
        """Delete the parts, unless the object is complete. Later calls store nothing."""
        with self._lock:
            if self._id and not self._is_over:
                self._is_over = True
                self._client._abort_multipart_upload(*self._place, self._id)  # noqa: SLF001 - see the class
            self._is_over = True

    def _store_part(self, content: bytes | bytearray) -> None:
        if self._is_over:
            return
        if not self._id:
            self._id = self._client._create_multipart_upload(*self._place, dict(_TYPE))  # noqa: SLF001
        number = len(self._parts) + 1
        etag = self._client._upload_part(*self._place, content, None, self._id, number)  # noqa: SLF001
        self._parts.append(Part(number, etag))

    def _put(self, content: bytes | bytearray, condition: Mapping[str, str]) -> None:
        self._client._put_object(*self._place, content, {**_TYPE, **condition})  # noqa: SLF001

    def _complete(self, condition: Mapping[str, str]) -> None:
        whole = Element("CompleteMultipartUpload")
        for part in self._parts:
            tag = SubElement(whole, "Part")
            SubElement(tag, "PartNumber", str(part.part_number))
            SubElement(tag, "ETag", f'"{part.etag}"')
        body = getbytes(whole)
        headers = {"Content-Type": "application/xml", "Content-MD5": md5sum_hash(body), **condition}
        query = {"uploadId": self._id}
        answer = self._client._execute("POST", *self._place, body=body, headers=headers, query_params=query)  # noqa: SLF001
        # A service may find an error after it has sent the status 200.
        root = ET.fromstring(answer.data.decode())  # noqa: S314 - as the client parses all answers; expat bounds entities
        if root.tag.rpartition("}")[2] == "Error":
            raise S3Error.fromxml(answer)


def _with_condition(send: Callable[[Mapping[str, str]], None], *, replace: bool) -> None:
    """Send a request that stores an object. Unless `replace`, add the condition that the key has no object yet.

    If the S3 service does not support the condition, send the request again without it.
    """
    if replace:
        send({})
        return
    try:
        send(_NEW)
    except S3Error as error:
        if error.code != _UNKNOWN:
            raise
        send({})
