"""The server's log: one JSON object a line, on standard error."""

import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

from epochal_api.pod import ACCESS_KEY_ENV, SECRET_KEY_ENV, SESSION_TOKEN_ENV
from epochal_api.text import printable

SHORTEST = 6
"""Minimum length of a secret that is removed from texts. A shorter secret may be a part of ordinary words."""
_SIGNED = re.compile(r"(?<=Signature=)[0-9A-Fa-f]+|(?i:(?<=bearer )\S+)")


class JsonFormatter(logging.Formatter):
    """Formats a record as a JSON object on one line. All but plain ASCII is escaped, so no text can break the line.

    Args:
        environ: The environment. The secret keys in it are removed from all texts.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__()
        found = [environ.get(name, "") for name in (ACCESS_KEY_ENV, SECRET_KEY_ENV, SESSION_TOKEN_ENV)]
        self._secrets = sorted((one for one in found if len(one) >= SHORTEST), key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as JSON: ts, level, logger, message, exception."""
        line = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self.hidden(record.getMessage()),
        }
        if record.exc_info:
            line["exception"] = self.hidden(self.formatException(record.exc_info))
        return json.dumps(line)

    def hidden(self, text: str) -> str:
        """Return a text without secret keys, signatures and bearer tokens."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return printable(_SIGNED.sub("***", text))


def configure(environ: Mapping[str, str] = os.environ) -> JsonFormatter:
    """Send the logs of the whole process, including Python's warnings, to standard error.

    Args:
        environ: The environment variables.

    Returns:
        The formatter of the log.
    """
    formatter = JsonFormatter(environ)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    root.handlers[:] = [handler]
    # urllib3 warns of each single attempt. The server logs failed attempts itself.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    logging.captureWarnings(capture=True)
    return formatter
