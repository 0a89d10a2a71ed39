"""Sets up the log of the trainer, on standard output and in a file that is stored with the results."""

import faulthandler
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from epochal_api.text import printable

PACKAGE = "epochal_trainer"
_LIB = "epochal_lib"
_KERAS = "absl"
"""Logger of Keras' callbacks and of TensorFlow."""
_NOISY = "urllib3"
"""Logger of the HTTP client, which logs each retry. The storage package logs one line for a whole wait instead."""
_FORMAT = "%(asctime)s  %(message)s"
_SHOW_WARNING = warnings.showwarning
_STARTUP_MESSAGES = ("I0000", "W0000", "WARNING: All log messages before absl")


class _Printable(logging.Formatter):
    """A formatter that removes control characters and secrets from each record, also from its traceback."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__(_FORMAT, datefmt="%H:%M:%S")
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return printable(self._redact(super().format(record)))


class _File(logging.FileHandler):
    """A log file. A write error, such as a full disk, does not end the training. Only the first error is logged."""

    _has_warned = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging calls it so
        del record
        if not self._has_warned:
            self._has_warned = True
            logging.getLogger(PACKAGE).warning("Cannot write the log file for the results: %s", sys.exc_info()[1])


def start(path: Path, redact: Callable[[str], str] = str) -> None:
    """Write the log to standard output and to a file, without secrets. Errors of the log do not end the training."""
    logging.raiseExceptions = False
    logging.getLogger(_NOISY).setLevel(logging.ERROR)
    handlers = (logging.StreamHandler(sys.stdout), _File(path, encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(_Printable(redact))
    for name in (PACKAGE, _LIB, _KERAS):
        logger = logging.getLogger(name)
        logger.handlers = list(handlers)
        logger.setLevel(logging.INFO)
        logger.propagate = False
    if not (root := logging.getLogger()).handlers:
        # Warnings of other packages went to standard error. TensorFlow adds no handler of its own if the root logger
        # has one.
        root.handlers = list(handlers)

    def show(message: Warning | str, category: type[Warning], *where: object, **more: object) -> None:
        del where, more
        logging.getLogger(PACKAGE).warning("%s: %s", category.__name__, message)

    warnings.showwarning = show


def to_standard_error() -> None:
    """Undo `start`: write only warnings and errors, to standard error. The forked export process calls this."""
    for name in (PACKAGE, _LIB, _KERAS, None):
        logging.getLogger(name).handlers = []  # without a handler, logging writes to standard error
    warnings.showwarning = _SHOW_WARNING


@contextmanager
def hide_startup_messages(path: Path) -> Iterator[None]:
    """Hide the startup messages that TensorFlow's libraries write to standard error within the context.

    Args:
        path: File that receives standard error within the context. Lines that are no startup messages are logged at its
            end.
    """
    original = os.dup(2)
    faulthandler.enable(original)  # so that a crash of a library still shows where it happened
    try:
        with path.open("wb") as file:
            os.dup2(file.fileno(), 2)
        yield
    finally:
        os.dup2(original, 2)
        faulthandler.enable(2)
        os.close(original)
        for line in path.read_text(errors="replace").splitlines():
            if line.strip() and not line.startswith(_STARTUP_MESSAGES):
                logging.getLogger(PACKAGE).warning("%s", line)
