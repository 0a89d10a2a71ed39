"""The log of a process: one JSON object a line, without secrets."""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import TextIO


class JsonFormatter(logging.Formatter):
    """Formats a record as a JSON object on one line. It escapes non-ASCII characters, so no text can break the line.

    Args:
        redact: Removes secrets from a text.
        fields: Returns additional fields of a record. They are not redacted.
    """

    def __init__(
        self, redact: Callable[[str], str], fields: Callable[[logging.LogRecord], Mapping[str, str]] = lambda _: {}
    ) -> None:
        super().__init__()
        self._redact = redact
        self._fields = fields

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as JSON: ts, level, logger, message, additional fields, exception, stack."""
        line = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._redact(record.getMessage()),
            **self._fields(record),
        }
        if record.exc_info:
            line["exception"] = self._redact(self.formatException(record.exc_info))
        if record.stack_info:
            line["stack"] = self._redact(self.formatStack(record.stack_info))
        return json.dumps(line)


def configure(formatter: logging.Formatter, level: str = "info", stream: TextIO | None = None) -> None:
    """Send the logs of the whole process to a stream, including Python's warnings and uncaught exceptions.

    Args:
        formatter: The formatter of the log.
        level: Minimum level: debug, info, warning or error.
        stream: The stream; None for standard error.

    Raises:
        ValueError: If the level does not exist.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.setLevel(level.upper())
    root.handlers[:] = [handler]
    # urllib3 warns of each failed attempt. The callers log failed attempts themselves.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger(__name__).critical("uncaught exception", exc_info=(kind, error, trace))
