"""What the trainer tells a person: on standard output at once, and in a file for the results."""

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
_KERAS = "absl"
"""Logger of what Keras' callbacks say, and of TensorFlow's."""
_NOISY = "urllib3"
"""Logger that tells of each single try; what is waited for is said once, elsewhere."""
_FORMAT = "%(asctime)s  %(message)s"
_GREETINGS = ("I0000", "W0000", "WARNING: All log messages before absl")


class _Printable(logging.Formatter):
    """Lets nothing that is logged, a traceback included, command the terminal it is read on, or tell a secret."""

    def __init__(self, hide: Callable[[str], str]) -> None:
        super().__init__(_FORMAT, datefmt="%H:%M:%S")
        self._hide = hide

    def format(self, record: logging.LogRecord) -> str:
        return printable(self._hide(super().format(record)))


class _File(logging.FileHandler):
    """A log file that may run out of room: that is said once, and ends nothing."""

    _said = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging calls it so
        del record
        if not self._said:
            self._said = True
            logging.getLogger(PACKAGE).warning("The log cannot be kept for the results: %s", sys.exc_info()[1])


def start(path: Path, hide: Callable[[str], str] = str) -> None:
    """Starts the log. Nothing that goes wrong with it ends the training.

    Args:
        path: File that takes all that is logged.
        hide: Takes out of a text what must not be written.
    """
    logging.raiseExceptions = False
    logging.getLogger(_NOISY).setLevel(logging.ERROR)
    handlers = (logging.StreamHandler(sys.stdout), _File(path, encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(_Printable(hide))
    for name in (PACKAGE, _KERAS):
        logger = logging.getLogger(name)
        logger.handlers = list(handlers)
        logger.setLevel(logging.INFO)
        logger.propagate = False
    if not (others := logging.getLogger()).handlers:
        # What others warn of went to standard error: TensorFlow adds no handler of its own where there is one.
        others.handlers = list(handlers)

    def show(message: Warning | str, category: type[Warning], *where: object, **more: object) -> None:
        del where, more
        logging.getLogger(PACKAGE).warning("%s: %s", category.__name__, message)

    warnings.showwarning = show


@contextmanager
def without_greetings(path: Path) -> Iterator[None]:
    """Keeps the greetings of TensorFlow's libraries, which write to standard error themselves, from people's eyes.

    Args:
        path: File that takes standard error meanwhile. All in it but greetings is shown in the end.
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
            if line.strip() and not line.startswith(_GREETINGS):
                logging.getLogger(PACKAGE).warning("%s", line)
