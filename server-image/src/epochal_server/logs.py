"""The server's own words: one JSON object a line, on standard error."""

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
"""Characters of a secret that is taken out of texts: a shorter one is part of ordinary words."""
_SIGNED = re.compile(r"(?<=Signature=)[0-9A-Fa-f]+|(?i:(?<=bearer )\S+)")


class JsonFormatter(logging.Formatter):
    """Formats a record as a JSON object on one line: all but plain ASCII is escaped, so no text can break the line.

    Args:
        environ: The environment: the keys in it are taken out of all texts.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__()
        found = [environ.get(name, "") for name in (ACCESS_KEY_ENV, SECRET_KEY_ENV, SESSION_TOKEN_ENV)]
        self._secrets = sorted((one for one in found if len(one) >= SHORTEST), key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        """Returns a record as JSON: ts, level, logger, message, exception."""
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
        """Returns a text without keys and what was signed with them."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return printable(_SIGNED.sub("***", text))


def configure(environ: Mapping[str, str] = os.environ) -> JsonFormatter:
    """Sends the logs of the whole process to standard error, Python's warnings too.

    Args:
        environ: The environment.

    Returns:
        What formats them.
    """
    formatter = JsonFormatter(environ)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    root.handlers[:] = [handler]
    # What it tells of each single try is told once, elsewhere.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    logging.captureWarnings(capture=True)
    return formatter
