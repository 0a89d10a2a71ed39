"""Restores the process after a run of the trainer, and runs a server of digits."""

import logging
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from epochal_trainer.lib.signals import Terminated, TerminationRequest

from tests.kit import digits_model
from tests.kit.model_server import serving
from tests.kit.served import DIGITS

FEATURES = np.random.default_rng(0).normal(size=(90, 6)).astype("float32")
LABELS = (FEATURES[:, 0] > 0).astype("uint8")


@contextmanager
def restored_process() -> Iterator[None]:
    """Restores loggers, warnings, signal handlers and registered classes after a run of the trainer."""
    objects = dict(keras.saving.get_custom_objects()) if (keras := sys.modules.get("keras")) else {}
    loggers = [logging.getLogger(name) for name in ("epochal_trainer", "epochal_lib", "absl")]
    before = [(logger.handlers, logger.level, logger.propagate) for logger in loggers]
    signals = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    shown = warnings.showwarning
    try:
        yield
    finally:
        for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
            for handler in logger.handlers:
                handler.close()
            logger.handlers, logger.propagate = handlers, propagate
            logger.setLevel(level)
        warnings.showwarning = shown
        for number, taken in signals.items():
            signal.signal(number, taken)
        if keras := sys.modules.get("keras"):  # the code of a user registers classes
            keras.saving.get_custom_objects().clear()
            keras.saving.get_custom_objects().update(objects)


@contextmanager
def terminated(termination_request: TerminationRequest) -> Iterator[None]:
    """Expects that SIGTERM ends a training as in a run, and restores the signal handlers."""
    with restored_process():
        termination_request.listen()
        with termination_request.deferred(), pytest.raises(Terminated):
            yield


@pytest.fixture
def process_is_restored() -> Iterator[None]:
    with restored_process():
        yield


@pytest.fixture(scope="session")
def digits_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with a model that reads digits on photographs."""
    folder, model, signature = tmp_path_factory.mktemp("server"), digits_model.model(), digits_model.signature()
    with serving(folder, model, signature, images="Digit", classes=list(DIGITS)) as address:
        yield address


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with data of two classes, for training and for the test."""
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data/tiny.npz", x=FEATURES, y=LABELS)
    np.savez(tmp_path / "data/test.npz", x=FEATURES[::-1], y=LABELS[::-1])
    return tmp_path
