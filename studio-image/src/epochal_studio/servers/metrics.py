"""The figures in the metrics of a model server's pod, in the text format of Prometheus."""

from collections import Counter
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

from epochal_studio.runs.values import text as one_line

REQUESTS, PREDICTIONS = "epochal_server_requests_total", "epochal_server_predictions_total"
MAX_LINES = 2000
"""Maximum lines of these series: a class each for 1,000 classes, and a line for each protocol and status."""
MAX_LINE = 1024
"""Maximum bytes of a line. A class has a name of 128 characters. The parser takes time by the square of a line."""
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
        text = b"\n".join([*lines, b""]).decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                _add(found, sample.name, sample.labels, int(sample.value))
    except (ValueError, OverflowError, IndexError):  # the last one for some broken lines
        return None
    return found


def _add(found: Figures, name: str, labels: dict[str, str], value: int) -> None:
    value = min(max(value, 0), _EXACT)
    if name == PREDICTIONS:
        if label := one_line(labels.get("class"), _MAX_NAME):
            found.classes[label] += value
    elif name == REQUESTS and labels.get("protocol") != _OWN_PAGE:
        found.requests += value
        if labels.get("code", "")[:1] in _ERRORS:
            found.refused += value
