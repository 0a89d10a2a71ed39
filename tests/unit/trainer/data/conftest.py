"""A file to read, and a budget to read it within."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from epochal_trainer.data.memory import MemoryBudget
from epochal_trainer.data.source import DataFile

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], DataFile]:
    """Writes a file; the next one takes its place."""
    path: Path = tmp_path_factory.mktemp("data") / "file"

    def write(content: bytes) -> DataFile:
        path.write_bytes(content)
        return DataFile("file", path)

    return write


@pytest.fixture(scope="session")
def memory() -> Callable[[], MemoryBudget]:
    """Makes a budget of 64 MiB."""
    return lambda: MemoryBudget(64 * 1024**2)
