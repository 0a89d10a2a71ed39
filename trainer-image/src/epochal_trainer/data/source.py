"""A local file with data, plain or gzipped, read within bounds."""

import gzip
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from epochal_trainer.data.memory import Memory
from epochal_trainer.data.samples import Array
from epochal_trainer.lib.failures import Failure, bad_data, lacks_room, scratch_full

GZIP = b"\x1f\x8b"
DENSEST = 1032
"""Bytes that one byte of a deflate stream expands to at most, see https://zlib.net/zlib_tech.html."""
CHUNK = 1024**2
SHOWN = 300
"""Characters of what was found that a message repeats: others write of data at any length."""


@dataclass(frozen=True)
class Source:
    """A file that a data set is read from.

    Args:
        name: Its object's key, for messages.
        path: The local copy.
    """

    name: str
    path: Path

    def truncated(self, found: str, wanted: str) -> Failure:
        """Returns the failure of a file that ends too early."""
        return bad_data("TruncatedData", f"{self.name} is cut off: {found}, but {wanted}; upload it again")

    def damaged(self, found: str) -> Failure:
        """Returns the failure of a file that is not what it should be."""
        return bad_data("DamagedData", f"{self.name} is damaged: {found:.{SHOWN}}; upload it again")

    def gzipped(self) -> bool:
        """Whether the file is compressed as a whole."""
        with self.path.open("rb") as file:
            return file.read(len(GZIP)) == GZIP

    def most(self) -> int:
        """Returns how many bytes of content the file can hold at most."""
        size = self.path.stat().st_size
        return size * DENSEST if self.gzipped() else size

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Opens the content, without its compression.

        Raises:
            Failure: TruncatedData or DamagedData, if reading in the context finds the compression broken.
        """
        if not self.gzipped():
            with self.path.open("rb") as file:
                yield file
            return
        try:
            with gzip.open(self.path) as stream:
                yield cast("BinaryIO", stream)
        except EOFError as error:
            raise self.truncated("its gzip stream has no end", "it must be whole") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise self.damaged(f"gzip: {error}") from error

    @contextmanager
    def seekable(self, memory: Memory) -> Iterator[BinaryIO]:
        """Opens the content to be read in any order: if gzipped, expanded on disk, as far as memory would hold it.

        Raises:
            Failure: DataTooLarge or ScratchFull; or as `opened`.
        """
        if not self.gzipped():
            with self.path.open("rb") as file:
                yield file
            return
        with tempfile.TemporaryFile(dir=self.path.parent) as expanded:
            try:
                self._expand(cast("BinaryIO", expanded), memory)
            except OSError as error:
                if lacks_room(error):
                    raise scratch_full(f"{self.name}, expanded, does not fit into {self.path.parent}") from error
                raise
            yield cast("BinaryIO", expanded)

    def _expand(self, target: BinaryIO, memory: Memory) -> None:
        with self.opened() as stream:
            left = memory.most
            while chunk := stream.read(CHUNK):
                left -= len(chunk)
                if left < 0:
                    memory.reserve(memory.most - left, f"{self.name}, expanded,")
                target.write(chunk)
        target.seek(0)

    def fill(self, array: Array, stream: BinaryIO) -> None:
        """Reads an array's bytes as they lie in memory.

        Args:
            array: To be filled, contiguous.
            stream: Where the bytes come from.

        Raises:
            Failure: TruncatedData, if there are too few.
        """
        if array.size == 0:
            return
        target = array.reshape(-1).view(np.uint8).data
        position = 0
        while position < len(target):
            count = stream.readinto(target[position : position + CHUNK])  # type: ignore[attr-defined]
            if not count:
                raise self.truncated(f"it holds {position:,} bytes of data", f"{len(target):,} must be there")
            position += count


def supported(dtype: np.dtype[np.generic], name: str) -> np.dtype[np.generic]:
    """Makes sure that a network can take a type.

    Args:
        dtype: Type of an array's elements.
        name: The array, for messages.

    Returns:
        The same type in this machine's byte order.

    Raises:
        Failure: UnsupportedType, for anything but booleans, integers and floats of at most 64 bits.
    """
    if dtype.kind not in "biuf" or dtype.itemsize > 8 or dtype.subdtype is not None:  # noqa: PLR2004 - bytes
        what = "Python objects" if dtype.hasobject else f"elements of type {dtype}"
        raise unsupported(name, what, words=dtype.hasobject or dtype.kind in "SU")
    return dtype.newbyteorder("=")


def unsupported(name: str, what: str, *, words: bool = False) -> Failure:
    """Returns the failure of an array of something else than numbers.

    Args:
        name: The array.
        what: What it holds.
        words: Whether that may be names of classes.
    """
    must = "it must hold booleans, integers or floats of at most 64 bits"
    indices = "names, y = numpy.unique(y, return_inverse=True)"
    advice = f". Names of classes become class indices by {indices}" if words else ""
    return bad_data("UnsupportedType", f"{name} holds {what:.{SHOWN}}: {must}{advice}")
