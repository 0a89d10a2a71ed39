"""Fixtures of the tests of Studio."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.studio.served import Studio


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    """Studio with a fake API server."""
    async with Studio(tmp_path) as found:
        yield found
