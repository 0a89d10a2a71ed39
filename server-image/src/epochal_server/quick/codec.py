"""The interface of a protocol on the fast path."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from epochal_server.model import Arrays
from epochal_server.quick.head import Head
from epochal_server.refusals import Refused


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a response, with its headers."""

    content: bytes
    content_type: str
    headers: Mapping[str, str]
    """Further headers of the response."""


class Codec(Protocol):
    """Decodes the requests of one protocol to one path, and encodes the answers."""

    def protocol(self, head: Head) -> str:
        """Return the protocol's name in metrics for a request."""

    def decode(self, head: Head, body: bytes) -> tuple[Arrays, Any]:
        """Return the model's inputs, and the request data that `encode` needs.

        Raises:
            Refused: If the request is invalid.
        """

    def times(self, asked: Any) -> int:
        """Return the maximum bytes of outputs and response together, for each byte of the outputs.

        Args:
            asked: The request data from `decode`.
        """

    def encode(self, asked: Any, answers: Arrays) -> Body:
        """Return the body of the response.

        Args:
            asked: The request data from `decode`.
            answers: The model's outputs.
        """

    def refuse(self, head: Head, refused: Refused) -> Body:
        """Return the body of the response to a refused request."""
