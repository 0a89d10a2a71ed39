import errno
import io
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from epochal_trainer.data.formats import idx, npz, pickled
from epochal_trainer.data.memory import MemoryBudget
from epochal_trainer.data.source import DataFile

X, Y = np.zeros((100, 100), "u1"), np.zeros(100, "u1")


class BrokenFile(io.BytesIO):
    """A file that cannot be read in its middle."""

    def __init__(self, content: bytes, error: Exception) -> None:
        super().__init__(content)
        self._error = error

    def read(self, size: int | None = -1, /) -> bytes:
        """See io.BytesIO."""
        begin, found = self.tell(), super().read(size)
        if begin <= len(X) ** 2 // 2 < self.tell():
            raise self._error
        return found

    def readinto(self, buffer: Any, /) -> int:
        """See io.BytesIO."""
        found = self.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)


def zipped() -> bytes:
    file = io.BytesIO()
    np.savez(file, x=X, y=Y)
    return file.getvalue()


FORMATS: dict[str, tuple[bytes, Callable[[DataFile, MemoryBudget], Any]]] = {
    "idx": (b"\0\0\x08\2" + bytes([0, 0, 0, 100]) * 2 + X.tobytes(), idx.read),
    "npz": (zipped(), lambda source, memory: npz.read(source, ["train"], memory)),
    "pickle": (pickle.dumps((X, Y)), pickled.read),
}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "error", [MemoryError(), OSError(errno.EIO, "Input/output error"), OSError(errno.ESTALE, "Stale file handle")]
)
def test_machine_errors_pass_through(
    source: Callable[[bytes], DataFile],
    memory: Callable[[], MemoryBudget],
    monkeypatch: pytest.MonkeyPatch,
    format: str,  # noqa: A002 - as in the spec
    error: Exception,
) -> None:
    content, read = FORMATS[format]
    file = source(content)
    read(file, memory())

    @contextmanager
    def open_broken(*_: Any) -> Iterator[BrokenFile]:
        yield BrokenFile(content, error)

    monkeypatch.setattr(DataFile, "open", open_broken)
    monkeypatch.setattr(DataFile, "open_seekable", open_broken)
    with pytest.raises(type(error)) as caught:
        read(file, memory())
    assert caught.value is error
