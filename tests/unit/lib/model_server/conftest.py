"""A small S3 service."""

from collections.abc import Iterator

import pytest

from tests.kit.s3_server import Service


@pytest.fixture
def service() -> Iterator[Service]:
    """One that runs, and is stopped in the end unless the test has done so."""
    service = Service()
    yield service
    service.stop()
