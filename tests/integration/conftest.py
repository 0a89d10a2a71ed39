"""What a run does to its process."""

import logging
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def undone() -> Iterator[None]:
    """Undoes what a run does to its process."""
    loggers = [logging.getLogger(name) for name in ("epochal_trainer", "absl")]
    before = [(logger.handlers, logger.level, logger.propagate) for logger in loggers]
    signals = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    shown = warnings.showwarning
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        for handler in logger.handlers:
            handler.close()
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)
    warnings.showwarning = shown
    for number, taken in signals.items():
        signal.signal(number, taken)


@pytest.fixture
def as_before() -> Iterator[None]:
    with undone():
        yield
