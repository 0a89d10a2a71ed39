"""What the short way asks of a protocol."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from epochal_server.model import Arrays
from epochal_server.quick.head import Head
from epochal_server.refusals import Refused


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a response."""

    content: bytes
    content_type: str
    headers: Mapping[str, str]
    """What else its head says."""


class Codec(Protocol):
    """Reads requests of one protocol to one path, and writes the answers."""

    def protocol(self, head: Head) -> str:
        """Returns what the protocol of a request is called in metrics."""

    def decode(self, head: Head, body: bytes) -> tuple[Arrays, Any]:
        """Returns what the model is to take, and what `encode` is to know of the request.

        Raises:
            Refused: If it is no such request.
        """

    def times(self, asked: Any) -> int:
        """Returns the most bytes that an answer takes for each byte of the model's outputs: these, and the response.

        Args:
            asked: What `decode` returned.
        """

    def encode(self, asked: Any, answers: Arrays) -> Body:
        """Returns the body of the response.

        Args:
            asked: What `decode` returned.
            answers: What the model gives.
        """

    def refuse(self, head: Head, refused: Refused) -> Body:
        """Returns the body of a response that refuses."""
