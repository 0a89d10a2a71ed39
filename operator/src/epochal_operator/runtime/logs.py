"""Logs: one JSON object per line, with the namespace and name of the object that the line concerns."""

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
"""Tokens and keys that an error message of a library might contain: an HTTP parser quotes an invalid header."""

_subject: ContextVar[tuple[str, str] | None] = ContextVar("subject", default=None)


@contextmanager
def about(namespace: str, name: str) -> Iterator[None]:
    """Add the namespace and name of an Epochal object to all log lines of this context and of tasks started in it.

    Args:
        namespace: Namespace of the object.
        name: Name of the object.
    """
    token = _subject.set((namespace, name))
    try:
        yield
    finally:
        _subject.reset(token)


def redact(text: str) -> str:
    """Return the text without bearer tokens, JSON web tokens, private keys and terminal control characters."""
    return printable(_SECRET.sub(lambda found: f"{found['kept'] or ''}[redacted]", text))


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON. It escapes non-ASCII characters, so no text can break the line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as JSON: ts, level, logger, message, the object's namespace and name, exception, stack."""
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
    # kopf adds the object that it handles to each record: an Epochal object, or a Job or Pod of one.
    reference = getattr(record, "k8s_ref", None)
    if not isinstance(reference, dict):
        return {}
    version, kind, namespace, name = (
        str(reference.get(key) or "") for key in ("apiVersion", "kind", "namespace", "name")
    )
    ours = version.startswith(f"{GROUP}/")
    return {"namespace": namespace, **({"name": name} if ours else {"object": f"{kind}/{name}"})}


def configure(level: str = "info", stream: TextIO = sys.stderr) -> None:
    """Send the logs of the whole process to a stream as JSON, including Python's warnings and uncaught exceptions.

    Args:
        level: Minimum level: debug, info, warning or error.
        stream: Stream for the log lines.

    Raises:
        ValueError: If the level does not exist.
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
    logging.getLogger(__name__).critical("uncaught exception", exc_info=(kind, error, trace))
