"""A file to read, and a budget to read it within."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from epochal_trainer.data.memory import Memory
from epochal_trainer.data.source import Source

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], Source]:
    """Writes a file; the next one takes its place."""
    path: Path = tmp_path_factory.mktemp("data") / "file"

    def write(content: bytes) -> Source:
        path.write_bytes(content)
        return Source("file", path)

    return write


@pytest.fixture(scope="session")
def memory() -> Callable[[], Memory]:
    """Makes a budget of 64 MiB."""
    return lambda: Memory(64 * 1024**2)
