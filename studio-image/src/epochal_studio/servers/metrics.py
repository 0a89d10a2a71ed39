"""The figures in the metrics of a model server's pod, in the text format of Prometheus."""

import re
from collections import Counter
from dataclasses import dataclass, field

from epochal_studio.runs.values import text as one_line

REQUESTS, PREDICTIONS = "epochal_server_requests_total", "epochal_server_predictions_total"
MAX_LINES = 2000
"""Maximum lines of these series: a class each for 1,000 classes, and a line for each protocol and status."""
MAX_LINE = 1024
"""Maximum bytes of a line. A class has a name of 128 characters."""
_LABEL = re.compile(r'\s*+([a-zA-Z_]\w*+)\s*+=\s*+"((?:[^"\\]|\\.)*+)"\s*+(,|(?=\}))', re.ASCII)
"""A label. It gives nothing back (`*+`), so that a line takes time by its length: the parser of prometheus-client takes
seconds for a thousand hostile lines."""
_VALUE = re.compile(r"\}\s++([-+.\w]{1,40}+)(\s++-?\d{1,20}+)?\s*+", re.ASCII)
"""The end of a line: its value, and the time of the value."""
_ESCAPED = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "\\": "\\", '"': '"'}
_OWN_PAGE = "page"
"""Protocol of the requests for pages and descriptions, of Studio too. They are no use of the model."""
_ERRORS = "45"
_MAX_NAME = 256
_EXACT = 2**53


@dataclass
class Figures:
    """The figures of one or several pods.

    Args:
        requests: Requests.
        refused: Requests with an error as their answer.
        classes: Answers by class.
    """

    requests: int = 0
    refused: int = 0
    classes: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Figures") -> None:
        """Add the figures of another pod."""
        self.requests += other.requests
        self.refused += other.refused
        self.classes.update(other.classes)


def figures(content: bytes) -> Figures | None:
    """Return the figures in the metrics of a pod; None for another form or too many lines."""
    prefixes = tuple(f"{name}{{".encode() for name in (REQUESTS, PREDICTIONS))
    lines = [line for line in content.split(b"\n") if line.startswith(prefixes)]
    if len(lines) > MAX_LINES or any(len(line) > MAX_LINE for line in lines):
        return None
    found = Figures()
    try:
        for line in lines:
            name, _, rest = line.decode().partition("{")
            labels, value = _parsed(rest)
            _add(found, name, labels, value)
    except (ValueError, OverflowError):
        return None
    return found


def _parsed(rest: str) -> tuple[dict[str, str], int]:
    """Return the labels and the value of a line, from the text after its first brace.

    Raises:
        ValueError: If it has another form.
        OverflowError: If the value is infinite.
    """
    labels: dict[str, str] = {}
    position = 0
    while match := _LABEL.match(rest, position):
        if match[1] in labels:
            raise ValueError("a line has a label twice")
        labels[match[1]] = _ESCAPED.sub(lambda escape: _ESCAPES.get(escape[1], escape[0]), match[2])
        position = match.end()
    end = _VALUE.fullmatch(rest, position)
    if end is None:
        raise ValueError("a line has another form")
    return labels, int(float(end[1]))


def _add(found: Figures, name: str, labels: dict[str, str], value: int) -> None:
    value = min(max(value, 0), _EXACT)
    if name == PREDICTIONS:
        if label := one_line(labels.get("class"), _MAX_NAME):
            found.classes[label] += value
    elif name == REQUESTS and labels.get("protocol") != _OWN_PAGE:
        found.requests += value
        if labels.get("code", "")[:1] in _ERRORS:
            found.refused += value
