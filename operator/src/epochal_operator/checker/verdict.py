"""The verdict about a network: its errors, or no answer of the checker."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, Protocol

from epochal_api.checker import Answer, describe
from epochal_api.text import printable

UNANSWERED_SECONDS = 30.0
"""Seconds until a question without an answer is asked again, and after a timeout any question."""

SILENT_SECONDS = 600.0
"""Seconds without an answer after which a question counts as one that no checker answers."""

MAX_FAULTS = 16
"""Maximum number of errors that a verdict keeps: the operator remembers many verdicts."""


class NoVerdict(Enum):
    """The reason for the lack of a verdict."""

    PENDING = "the checker is being asked, and its answer enqueues the object"
    UNKNOWN = "the checker has not answered"
    ABSENT = "there is no checker, or it has not answered for long, or the question is too large"


class Fault(NamedTuple):
    """An error of a network.

    Args:
        layer: Index of the layer; None for an error of the whole network.
        message: The error, with the layer.
    """

    layer: int | None
    message: str


@dataclass(frozen=True)
class Verdict:
    """The errors of a network, none if it can be built.

    Args:
        faults: The first MAX_FAULTS errors, in the order of the layers.
        omitted: Number of further errors.
    """

    faults: Sequence[Fault] = ()
    omitted: int = 0

    @property
    def message(self) -> str:
        """The errors as a message of a condition; empty if there are none."""
        return describe([fault.message for fault in self.faults], self.omitted)

    def before(self, layer: int | None) -> "Verdict":
        """Return the errors of the layers before a layer; None for all errors."""
        if layer is None:
            return self
        return Verdict([fault for fault in self.faults if fault.layer is not None and fault.layer < layer])


def verdict_of(answer: Answer) -> Verdict:
    """Return the errors in an answer of the checker."""
    of_layers = [Fault(layer.index, printable(layer.error)) for layer in answer.layers if layer.error is not None]
    faults = [*of_layers, *(Fault(None, printable(error)) for error in answer.errors)]
    return Verdict(faults[:MAX_FAULTS], max(0, len(faults) - MAX_FAULTS))


@dataclass(frozen=True)
class NetworkQuestion:
    """A question to the checker about the network in a spec.

    Args:
        body: The question, JSON.
    """

    body: bytes

    @property
    def digest(self) -> bytes:
        """The digest of the network, its inputs and its precision."""
        return hashlib.sha256(self.body).digest()


def question_of(spec: Mapping[str, Any]) -> NetworkQuestion | None:
    """Return the question about a valid spec of a TrainingJob as JSON; None if it has no network, or its own image."""
    network = spec.get("network")
    if network is None or spec.get("image"):
        return None
    precision = spec.get("training", {}).get("precision")
    document = {"network": network} | ({"precision": precision} if precision else {})
    return NetworkQuestion(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())


class Checker(Protocol):
    """The source of verdicts about networks."""

    def verdict(self, question: NetworkQuestion, notify: Callable[[], None]) -> Verdict | NoVerdict:
        """Return the verdict about a network, without waiting.

        Args:
            question: The question about it.
            notify: Called once the verdict PENDING has changed.
        """


class NoChecker:
    """The checker of an installation without one."""

    def verdict(self, question: NetworkQuestion, notify: Callable[[], None]) -> NoVerdict:  # noqa: ARG002 - the protocol
        """Return that there is no checker."""
        return NoVerdict.ABSENT
