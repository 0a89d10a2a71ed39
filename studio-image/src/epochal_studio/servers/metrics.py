"""Parses the numbers of requests and predictions in a model server's metrics, in the text format of Prometheus."""

import re
from collections import Counter
from dataclasses import dataclass, field

from epochal_studio.runs.values import text as one_line

REQUESTS, PREDICTIONS = "epochal_server_requests_total", "epochal_server_predictions_total"
MAX_LINES = 2000
"""Maximum lines of both metrics: a line for each of 1,000 classes, and a line for each protocol and status."""
MAX_LINE = 1024
"""Maximum bytes of a line. The name of a class may have 128 characters."""
_LABEL = re.compile(r'\s*+([a-zA-Z_]\w*+)\s*+=\s*+"((?:[^"\\]|\\.)*+)"\s*+(,|(?=\}))', re.ASCII)
"""A label. The expression is possessive (`*+`), so that a line needs linear time. The parser of prometheus-client
needs seconds for a thousand hostile lines."""
_VALUE = re.compile(r"\}\s++([-+.\w]{1,40}+)(\s++-?\d{1,20}+)?\s*+", re.ASCII)
"""The end of a line: its value, and an optional timestamp."""
_ESCAPED = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "\\": "\\", '"': '"'}
_OWN_PAGE = "page"
"""Value of the label `protocol` for requests of pages and descriptions, including Studio's. They do not use the model,
so they are not counted."""
_ERRORS = "45"
_MAX_NAME = 256
_EXACT = 2**53


@dataclass
class RequestCounts:
    """The numbers of requests to one or several pods since their start.

    Args:
        requests: Requests, except those for pages and descriptions.
        refused: Requests with a status of 400 to 599.
        classes: Number of predictions of each class.
    """

    requests: int = 0
    refused: int = 0
    classes: Counter[str] = field(default_factory=Counter)

    def add(self, other: "RequestCounts") -> None:
        """Add the numbers of another pod to this object."""
        self.requests += other.requests
        self.refused += other.refused
        self.classes.update(other.classes)


def parse_metrics(content: bytes) -> RequestCounts | None:
    """Return the request counts in the metrics of a pod; None if a line is invalid or long, or there are too many."""
    prefixes = tuple(f"{name}{{".encode() for name in (REQUESTS, PREDICTIONS))
    lines = [line for line in content.split(b"\n") if line.startswith(prefixes)]
    if len(lines) > MAX_LINES or any(len(line) > MAX_LINE for line in lines):
        return None
    found = RequestCounts()
    try:
        for line in lines:
            name, _, rest = line.decode().partition("{")
            labels, value = _parsed(rest)
            _add(found, name, labels, value)
    except (ValueError, OverflowError):
        return None
    return found


def _parsed(rest: str) -> tuple[dict[str, str], int]:
    """Return the labels and the value of a line, from the text after its opening brace.

    Raises:
        ValueError: If the text is invalid.
        OverflowError: If the value is infinite.
    """
    labels: dict[str, str] = {}
    position = 0
    while match := _LABEL.match(rest, position):
        if match[1] in labels:
            raise ValueError("a line of the metrics has a label twice")
        labels[match[1]] = _ESCAPED.sub(lambda escape: _ESCAPES.get(escape[1], escape[0]), match[2])
        position = match.end()
    end = _VALUE.fullmatch(rest, position)
    if end is None:
        raise ValueError("a line of the metrics has another form than LABELS} VALUE")
    return labels, int(float(end[1]))


def _add(found: RequestCounts, name: str, labels: dict[str, str], value: int) -> None:
    value = min(max(value, 0), _EXACT)
    if name == PREDICTIONS:
        if label := one_line(labels.get("class"), _MAX_NAME):
            found.classes[label] += value
    elif name == REQUESTS and labels.get("protocol") != _OWN_PAGE:
        found.requests += value
        if labels.get("code", "")[:1] in _ERRORS:
            found.refused += value
