"""Logs: one JSON object per line, with the namespace and name of the object that the line concerns."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from epochal_api.kind import GROUP
from epochal_lib.json_log import JsonFormatter
from epochal_lib.redaction import Redactor

_subject: ContextVar[tuple[str, str] | None] = ContextVar("subject", default=None)


@contextmanager
def log_context(namespace: str, name: str) -> Iterator[None]:
    """Add the namespace and name of an Epochal object to all log lines of this context and of tasks started in it."""
    token = _subject.set((namespace, name))
    try:
        yield
    finally:
        _subject.reset(token)


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
    is_own = version.startswith(f"{GROUP}/")
    return {"namespace": namespace, **({"name": name} if is_own else {"object": f"{kind}/{name}"})}


FORMATTER = JsonFormatter(Redactor(), _subject_of)
"""Formats a record as JSON: ts, level, logger, message, the object's namespace and name, exception, stack."""
