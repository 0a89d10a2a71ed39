"""Fixtures of the tests of networks: Studio with a fake checker, and an API server and an S3 service in memory."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.kit.fake.checker import FakeChecker
from tests.unit.studio.in_memory import StudioInMemory, studio_in_memory


@pytest.fixture
def checker() -> Iterator[FakeChecker]:
    """A fake checker."""
    with FakeChecker() as found:
        yield found


@pytest.fixture
async def studio(checker: FakeChecker) -> AsyncIterator[StudioInMemory]:
    """Studio with the fake checker."""
    async with studio_in_memory(checker=checker.address) as found:
        yield found
