"""Logs: one JSON object per line, with the object that a line is about."""

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import TextIO

from epochal_api.kind import GROUP
from epochal_api.text import printable

_SECRET = re.compile(
    r"(?P<kept>bearer\s+)\S+"
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.IGNORECASE | re.DOTALL,
)
"""Tokens and keys that an error of a library might quote: an HTTP parser shows the header that it does not like."""

_subject: ContextVar[tuple[str, str] | None] = ContextVar("subject", default=None)


@contextmanager
def about(namespace: str, name: str) -> Iterator[None]:
    """Marks all that is logged within, also by tasks started within, as about one object of Epochal's.

    Args:
        namespace: Its namespace.
        name: Its name.
    """
    token = _subject.set((namespace, name))
    try:
        yield
    finally:
        _subject.reset(token)


def redact(text: str) -> str:
    """Returns the text without bearer tokens, JSON web tokens, private keys, and what commands a terminal."""
    return printable(_SECRET.sub(lambda found: f"{found['kept'] or ''}[redacted]", text))


class JsonFormatter(logging.Formatter):
    """Formats a record as a JSON object on one line: all but plain ASCII is escaped, so no text can break the line."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns a record as JSON: ts, level, logger, message, the object's namespace and name, exception."""
        line = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        line |= _subject_of(record)
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        if record.stack_info:
            line["stack"] = redact(self.formatStack(record.stack_info))
        return json.dumps(line)


def _subject_of(record: logging.LogRecord) -> dict[str, str]:
    if subject := _subject.get():
        return {"namespace": subject[0], "name": subject[1]}
    # kopf puts the object that it handles into each of its records: one of Epochal's, or a Job or Pod of one.
    reference = getattr(record, "k8s_ref", None)
    if not isinstance(reference, dict):
        return {}
    version, kind, namespace, name = (
        str(reference.get(key) or "") for key in ("apiVersion", "kind", "namespace", "name")
    )
    ours = version.startswith(f"{GROUP}/")
    return {"namespace": namespace, **({"name": name} if ours else {"object": f"{kind}/{name}"})}


def configure(level: str = "info", stream: TextIO = sys.stderr) -> None:
    """Sends the logs of the whole process to a stream as JSON, Python's warnings and a last, fatal error too.

    Args:
        level: Least level that is shown: debug, info, warning or error.
        stream: Where the lines go.

    Raises:
        ValueError: If there is no such level.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.setLevel(level.upper())
    root.handlers[:] = [handler]
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_fatal


def _log_fatal(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger(__name__).critical("stopped by an error", exc_info=(kind, error, trace))
