"""The interface of a protocol: its inference endpoints, its JSON descriptions and the form of its errors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from epochal_server.model.model import Arrays
from epochal_server.refusals import Refused

SERVER = "epochal-server"
JSON = "application/json"
HEADER_LENGTH = "Inference-Header-Content-Length"
"""Header with the length of the JSON in a body; tensors follow the JSON."""
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Body(NamedTuple):
    """The body of a response, with its headers."""

    content: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = NO_HEADERS


class Decoded(NamedTuple):
    """A decoded request for inference."""

    inputs: Arrays
    memory_factor: int
    """Maximum bytes of outputs and response together, for each byte of the outputs."""
    encode: Callable[[Arrays], Body]
    """Returns the response with the model's outputs."""


def encode_error(refused: Refused) -> bytes:
    """Return the JSON body {"error": message} of the response to a refused request. Watson has another form."""
    return orjson.dumps({"error": refused.message})


@dataclass(frozen=True)
class Endpoint:
    """The POST endpoint of a protocol for inference requests."""

    paths: Sequence[str]
    """URL paths, with placeholders for the model's `{name}` and `{version}`."""
    protocol: Callable[[Mapping[str, str]], str]
    """Returns the protocol's name in metrics and logs, such as watson-v4. The argument is the headers of a request."""
    decode: Callable[[bytes, Mapping[str, str], Mapping[str, str]], Decoded]
    """Decodes a request from its body, headers and query. Raises Invalid."""
    encode_error: Callable[[Refused], bytes] = encode_error
    fast: bool = False
    """Whether the fast path answers small requests to this endpoint. `decode` then gets no query, and of the headers
    at most HEADER_LENGTH and the API keys."""


@dataclass(frozen=True)
class Document:
    """A description of the server or of its model, as JSON."""

    path: str
    protocol: str
    content: Callable[[str | None], Any]
    """Returns the JSON value. The argument is the reason why the model is not ready, or None if it is ready."""
    method: str = "GET"
    needs_key: bool = True


@dataclass(frozen=True)
class Protocol:
    """The endpoints and JSON descriptions of one protocol for one model."""

    endpoints: Sequence[Endpoint]
    documents: Sequence[Document] = ()
