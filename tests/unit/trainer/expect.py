"""Assertions about failures and memory of the trainer."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from epochal_trainer.lib.failures import Failure


@contextmanager
def expect_failure(reason: str, message: str | None = None, exit_code: int | None = None) -> Iterator[None]:
    """Asserts that the code within the context fails for a reason, with a message that matches a pattern."""
    with pytest.raises(Failure, match=message) as caught:
        yield
    assert caught.value.reason == reason, caught.value.message
    assert exit_code in (None, caught.value.exit_code)


@contextmanager
def expect_peak_memory(limit: int) -> Iterator[None]:
    """Asserts that the code within the context allocates fewer bytes than a limit."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()
