"""The interface of a protocol: its inference endpoints, its documents and the form of its errors."""

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
    """Return the JSON body of the response to a refused request, in the form of most protocols."""
    return orjson.dumps({"error": refused.message})


@dataclass(frozen=True)
class Endpoint:
    """An endpoint for inference: POST."""

    paths: Sequence[str]
    """Paths with `{name}` and `{version}` of the model."""
    protocol: Callable[[Mapping[str, str]], str]
    """Returns the protocol's name in metrics, such as watson-v4, for the headers of a request."""
    decode: Callable[[bytes, Mapping[str, str], Mapping[str, str]], Decoded]
    """Decodes the body of a request, its headers and its query. Raises Invalid."""
    encode_error: Callable[[Refused], bytes] = encode_error
    fast: bool = False
    """Whether the fast path answers its small requests. `decode` then gets only the header HEADER_LENGTH, no query."""


@dataclass(frozen=True)
class Document:
    """A description of the server or of its model, as JSON."""

    path: str
    protocol: str
    content: Callable[[str | None], Any]
    """Returns the document. The argument is the reason why the model is not ready, or None if it is ready."""
    method: str = "GET"
    needs_key: bool = True


@dataclass(frozen=True)
class Protocol:
    """A protocol for one model."""

    endpoints: Sequence[Endpoint]
    documents: Sequence[Document] = ()
