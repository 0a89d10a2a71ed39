"""Questions to the checker about the network of a TrainingJob, and the verdicts: the errors of the network, if any."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, Protocol

from epochal_api.checker import Answer, describe
from epochal_api.text import printable

UNANSWERED_SECONDS = 30.0
"""Seconds until an unanswered question may be sent again. After a timeout or an overload, no question at all is sent
for this time."""

SILENT_SECONDS = 600.0
"""Seconds since the first failure of a question, or of all questions, after which its result changes from UNKNOWN to
ABSENT."""

MAX_ERRORS = 16
"""Maximum number of errors in a verdict, because the operator caches many verdicts. Further errors are only counted."""


class NoVerdict(Enum):
    """The reason why there is no verdict about a network."""

    PENDING = "the question was sent to the checker, and the end of the request enqueues the object"
    UNKNOWN = "the checker has not answered the question, which is sent again later"
    ABSENT = "there is no checker, it has not answered the question for 10 minutes, or the question is too large"


class NetworkError(NamedTuple):
    """An error in a network, because of which Keras cannot build the network.

    Args:
        layer: Index of the layer in spec.network.layers; None for an error of the whole network.
        message: The text of the error, which names the layer.
    """

    layer: int | None
    message: str


@dataclass(frozen=True)
class Verdict:
    """The checker's verdict about a network: its errors. Without errors, Keras can build the network.

    Args:
        errors: At most MAX_ERRORS errors: of the layers in their order, then of the whole network.
        omitted: Number of errors beyond MAX_ERRORS, which are not kept.
    """

    errors: Sequence[NetworkError] = ()
    omitted: int = 0

    @property
    def message(self) -> str:
        """All errors as one text for the message of a condition; empty without errors."""
        return describe([error.message for error in self.errors], self.omitted)

    def before(self, layer: int | None) -> "Verdict":
        """Return a verdict with only the errors of layers before the layer with this index; None keeps all errors."""
        if layer is None:
            return self
        return Verdict([error for error in self.errors if error.layer is not None and error.layer < layer])


def verdict_of(answer: Answer) -> Verdict:
    """Return the verdict in an answer of the checker: at most MAX_ERRORS errors, first those of layers."""
    of_layers = [
        NetworkError(layer.index, printable(layer.error)) for layer in answer.layers if layer.error is not None
    ]
    errors = [*of_layers, *(NetworkError(None, printable(error)) for error in answer.errors)]
    return Verdict(errors[:MAX_ERRORS], max(0, len(errors) - MAX_ERRORS))


@dataclass(frozen=True)
class NetworkQuestion:
    """A question to the checker: can Keras build the network of this TrainingJob?

    Args:
        body: JSON body of the request: the network and its precision.
    """

    body: bytes

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the body. Verdicts are cached by this digest."""
        return hashlib.sha256(self.body).digest()


def question_of(spec: Mapping[str, Any]) -> NetworkQuestion | None:
    """Return the question about the network in a valid TrainingJob spec; None without a network or with spec.image."""
    network = spec.get("network")
    if network is None or spec.get("image"):
        return None
    precision = spec.get("training", {}).get("precision")
    document = {"network": network} | ({"precision": precision} if precision else {})
    return NetworkQuestion(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())


class Checker(Protocol):
    """The interface for verdicts about networks, which `CheckerClient` and `NoChecker` implement."""

    def verdict(self, question: NetworkQuestion, notify: Callable[[], None]) -> Verdict | NoVerdict:
        """Return the verdict about a network or the reason why there is none, without waiting for the checker.

        Args:
            question: The question about the network.
            notify: If the result is PENDING: called once when the request ends, with or without an answer.
        """


class NoChecker:
    """Implements `Checker` for an installation without the checker service."""

    def verdict(self, question: NetworkQuestion, notify: Callable[[], None]) -> NoVerdict:  # noqa: ARG002 - the protocol
        """Return ABSENT."""
        return NoVerdict.ABSENT
