"""Streams of an S3 object: its bytes, or its content decompressed by gzip."""

import zlib

from epochal_studio.preview.source import StoredFile, Stream, Unreadable

GZIP_MAGIC = b"\x1f\x8b"
CHUNK = 2**16
_GZIP = 31
"""The window bits of zlib for gzip."""


class PlainStream:
    """The bytes of an S3 object, from an offset to its end.

    Args:
        file: The S3 object.
        offset: Position of the first byte.
    """

    def __init__(self, file: StoredFile, offset: int = 0) -> None:
        self._file = file
        self._position = offset

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size`; empty at the end."""
        content = self._file.read_at(self._position, min(size, CHUNK))
        self._position += len(content)
        return content


class GzipStream:
    """The decompressed content of a gzip file. A read decompresses at most the requested bytes.

    Args:
        file: The S3 object.
    """

    def __init__(self, file: StoredFile) -> None:
        self._packed = PlainStream(file)
        self._decompressor = zlib.decompressobj(_GZIP)
        self._input = b""

    def read(self, size: int, /) -> bytes:
        """Return the next decompressed bytes, at most `size`; empty at the end.

        Raises:
            Unreadable: If the gzip data is damaged or ends too early.
        """
        while True:
            if self._decompressor.eof:  # a file may have several parts
                self._input = self._decompressor.unused_data or self._packed.read(CHUNK)
                if not self._input.startswith(GZIP_MAGIC):  # the end, or bytes that gzip ignores
                    return b""
                self._decompressor = zlib.decompressobj(_GZIP)
            packed = self._input or self._packed.read(CHUNK)
            if not packed:
                raise Unreadable("the file is cut off: its gzip data is incomplete. Upload it again.")
            try:
                content = self._decompressor.decompress(packed, min(size, CHUNK))
            except zlib.error as error:
                raise Unreadable(f"the file is damaged: gzip: {error}. Upload it again.") from None
            self._input = self._decompressor.unconsumed_tail
            if content:
                return content


def read_exactly(stream: Stream, size: int) -> bytes:
    """Return the next `size` bytes of a stream, fewer at its end."""
    parts: list[bytes] = []
    while size > 0 and (part := stream.read(min(size, CHUNK))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def skip(stream: Stream, size: int) -> None:
    """Read and discard the next `size` bytes of a stream."""
    while size > 0 and (part := stream.read(min(size, CHUNK))):
        size -= len(part)
