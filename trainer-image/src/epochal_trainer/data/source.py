"""A local copy of a data object, plain or gzipped, which is read within a memory budget."""

import gzip
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias, cast

import numpy as np

from epochal_trainer.data.arrays import Array
from epochal_trainer.data.memory import MemoryBudget
from epochal_trainer.lib.failures import Failure, bad_data, is_disk_full, scratch_full

GZIP_MAGIC = b"\x1f\x8b"
MAX_DEFLATE_RATIO = 1032
"""Maximum number of bytes that a byte of a deflate stream expands to, see https://zlib.net/zlib_tech.html."""
CHUNK_SIZE = 1024**2
MAX_SHOWN = 300
"""Maximum number of characters from the data in a message. A longer text is cut."""


@dataclass(frozen=True)
class DataFile:
    """A local copy of a data object with one or several data sets, or one array.

    Args:
        name: Key of the object, for messages.
        path: Path of the local copy.
    """

    name: str
    path: Path

    def truncated(self, found: str, expected: str) -> Failure:
        """Return the failure TruncatedData for a file that ends too early."""
        return bad_data("TruncatedData", f"{self.name} is cut off: {found}, but {expected}; upload it again")

    def damaged(self, found: str) -> Failure:
        """Return the failure DamagedData for a file with invalid content."""
        return bad_data("DamagedData", f"{self.name} is damaged: {found:.{MAX_SHOWN}}; upload it again")

    def is_gzipped(self) -> bool:
        """Return whether the file is compressed with gzip, by its first bytes."""
        with self.path.open("rb") as file:
            return file.read(len(GZIP_MAGIC)) == GZIP_MAGIC

    def max_size(self) -> int:
        """Return the maximum bytes of the uncompressed content: for gzip, MAX_DEFLATE_RATIO times the file's size."""
        size = self.path.stat().st_size
        return size * MAX_DEFLATE_RATIO if self.is_gzipped() else size

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the file for reading. A gzipped file is decompressed while it is read.

        Raises:
            Failure: TruncatedData or DamagedData, if a read inside the context finds invalid gzip data.
        """
        if not self.is_gzipped():
            with self.path.open("rb") as file:
                yield file
            return
        try:
            with gzip.open(self.path) as stream:
                yield cast("BinaryIO", stream)
        except EOFError as error:
            raise self.truncated("the gzip stream ends too early", "it must be complete") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise self.damaged(f"gzip: {error}") from error

    @contextmanager
    def open_seekable(self, memory: MemoryBudget) -> Iterator[BinaryIO]:
        """Open the file for random access. A gzipped file is first decompressed on disk, within the memory budget.

        Raises:
            Failure: DataTooLarge or ScratchFull; or as in `open`.
        """
        if not self.is_gzipped():
            with self.path.open("rb") as file:
                yield file
            return
        with tempfile.TemporaryFile(dir=self.path.parent) as expanded:
            try:
                self._expand(cast("BinaryIO", expanded), memory)
            except OSError as error:
                if is_disk_full(error):
                    raise scratch_full(f"{self.name}, expanded, does not fit into {self.path.parent}") from error
                raise
            yield cast("BinaryIO", expanded)

    def _expand(self, target: BinaryIO, memory: MemoryBudget) -> None:
        with self.open() as stream:
            size = 0
            while chunk := stream.read(CHUNK_SIZE):
                size += len(chunk)
                if size > memory.max_remaining:
                    memory.reserve(size, f"{self.name}, expanded,")
                target.write(chunk)
        target.seek(0)

    def read_into(self, array: Array, stream: BinaryIO) -> None:
        """Fill a contiguous array with bytes from a stream, in the order of its elements in memory.

        Raises:
            Failure: TruncatedData, if the stream has too few bytes.
        """
        if array.size == 0:
            return
        target = array.reshape(-1).view(np.uint8).data
        position = 0
        while position < len(target):
            count = stream.readinto(target[position : position + CHUNK_SIZE])  # type: ignore[attr-defined]
            if not count:
                raise self.truncated(
                    f"the file holds {position:,} bytes of the array", f"the array has {len(target):,} bytes"
                )
            position += count


Content: TypeAlias = Literal["features", "labels", "weights", "unknown"]
"""Purpose of an array, for the advice how to convert text in it to numbers."""
_FEATURES_ADVICE = (
    'Convert a table with columns of text or of mixed types with x = pandas.get_dummies(table).to_numpy("f4"); for '
    "texts that the network reads itself, write dtype: string for the input, and save numpy.array(texts, dtype=str)"
)
_LABELS_ADVICE = "Convert class names to class indices with names, y = numpy.unique(y, return_inverse=True)"
_TEXT_ADVICE: Mapping[Content, str] = {
    "features": f". {_FEATURES_ADVICE}",
    "labels": f". {_LABELS_ADVICE}",
    "weights": "",
    "unknown": f". {_FEATURES_ADVICE}. {_LABELS_ADVICE}",
}


def check_dtype(dtype: np.dtype[np.generic], name: str, content: Content) -> None:
    """Check that the elements of an array have a numeric type that a network can process.

    `name` is the origin of the array for messages.

    Raises:
        Failure: UnsupportedType, for all types except booleans, integers and floats of at most 64 bits.
    """
    if dtype.kind not in "biuf" or dtype.itemsize > 8 or dtype.subdtype is not None:  # noqa: PLR2004 - bytes
        elements = "Python objects" if dtype.hasobject else f"elements of type {dtype}"
        raise unsupported_type(name, elements, content, may_be_text=dtype.hasobject or dtype.kind in "SU")


def unsupported_type(name: str, elements: str, content: Content = "unknown", *, may_be_text: bool) -> Failure:
    """Return the failure UnsupportedType for an array without numbers, with advice if its elements may be text."""
    must = "it must hold booleans, integers or floats of at most 64 bits"
    advice = _TEXT_ADVICE[content] if may_be_text else ""
    return bad_data("UnsupportedType", f"{name} holds {elements:.{MAX_SHOWN}}: {must}{advice}")
