"""A bucket in memory that counts what is read of it, and files of numpy."""

import io
import zipfile
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from epochal.client.buckets import ObjectStat
from epochal.client.failures import MissingObject
from epochal_studio.preview.read import read_preview
from epochal_studio.wire.preview import ArrayPreview, Preview


class _Part(io.BytesIO):
    def read1(self, size: int | None = -1, *, decode_content: bool = True) -> bytes:  # noqa: ARG002 - of urllib3
        return self.read(size)


class MemoryBucket:
    """A bucket in memory.

    Attributes:
        bytes_read: Bytes that were read.
        requests: Number of requests for parts.
    """

    def __init__(self, **objects: bytes) -> None:
        self.objects = objects
        self.bytes_read = 0
        self.requests = 0

    def stat(self, key: str) -> ObjectStat:
        if key not in self.objects:
            raise MissingObject("there is no such object")
        return ObjectStat(len(self.objects[key]), "etag")

    def open(self, key: str, *, etag: str = "", offset: int = 0, length: int = 0) -> AbstractContextManager[Any]:
        assert etag == "etag"
        self.requests += 1
        self.bytes_read += length
        return nullcontext(_Part(self.objects[key][offset : offset + length]))


def preview(content: bytes, name: str = "data.bin", **others: bytes) -> Preview:
    """Return the preview of a file."""
    return read_preview(MemoryBucket(**{name: content}, **others), name)  # type: ignore[arg-type]


def npz(*, compressed: bool = True, **arrays: Any) -> bytes:
    file = io.BytesIO()
    save: Any = np.savez_compressed if compressed else np.savez
    save(file, **{name: np.asarray(each) for name, each in arrays.items()})
    return file.getvalue()


def npy(array: Any, version: tuple[int, int] | None = None) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asanyarray(array), version=version)
    return file.getvalue()


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def array(found: Preview, name: str = "") -> ArrayPreview:
    """Return an array of a preview."""
    return next(each for each in found.arrays if each.name == name)
