"""Open Inference's binary requests with repeated JSON: a client often sends the same JSON, which is parsed once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from epochal_server.model import Arrays, Model
from epochal_server.protocols import v2, v2_binary
from epochal_server.protocols.v2 import Output

MOST = 256
"""Maximum number of cached plans."""
MOST_BYTES = 4096
"""Maximum length of a cached JSON."""
NUMBERS = "iuf"
"""NumPy kinds for which any bytes are valid values."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The parsed JSON of a request, which later requests with the same JSON reuse."""

    layout: tuple[tuple[str, np.dtype, tuple[int, ...], int], ...]
    """Name, type, shape and bytes of each input, in the order of the data."""
    size: int
    """Total bytes of all inputs."""
    outputs: tuple[Output, ...]
    """The requested outputs."""
    echoed: Mapping[str, Any]
    """The fields that the response repeats."""
    times: int
    """See v2.Request."""
    heads: dict[tuple[tuple[int, ...], ...], bytes] = field(default_factory=dict)
    """The JSON of the response, by the shapes of the outputs."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """A decoded request with a cached plan."""

    inputs: Arrays
    plan: Plan

    @property
    def times(self) -> int:
        """Maximum bytes for each byte of the outputs. See v2.Request."""
        return self.plan.times


class Plans:
    """Decodes requests to a model, and caches their plans.

    Args:
        model: The loaded model.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._plans: dict[bytes, Plan] = {}

    def decode(self, body: bytes, header_length: str | None) -> v2.Request | Repeated:
        """Return the decoded request. See v2.decode."""
        at = _length(header_length)
        if at is None:
            return v2.decode(body, header_length, self._model)
        told = body[:at]
        plan = self._plans.get(told)
        if plan is not None and len(body) - at == plan.size:
            return Repeated(_inputs(body, at, plan), plan)
        asked = v2.decode(body, header_length, self._model)
        if plan is None and (plan := _plan(asked, len(body) - at, self._model)) is not None:
            if len(self._plans) >= MOST:  # the cache is no use to clients that change the JSON each time
                self._plans.clear()
            self._plans[told] = plan
        return asked

    def encode(self, asked: v2.Request | Repeated, answers: Arrays) -> tuple[bytes, int | None]:
        """Return the body of a response, and the length of its JSON. See v2.encode."""
        if isinstance(asked, v2.Request):
            return v2.encode(asked, answers, self._model)
        plan = asked.plan
        found = [answers[output.name] for output in plan.outputs]
        shapes = tuple(array.shape for array in found)
        head = plan.heads.get(shapes)
        if head is None:
            body, length = v2.encode(
                v2.Request(asked.inputs, plan.outputs, plan.echoed, plan.times), answers, self._model
            )
            assert length is not None  # noqa: S101 - all outputs are binary
            if not plan.heads:  # store one head only: an output of any length has any number of shapes
                plan.heads[shapes] = body[:length]
            return body, length
        return b"".join((head, *map(v2_binary.packed, found))), len(head)


def _inputs(body: bytes, at: int, plan: Plan) -> Arrays:
    inputs = {}
    for name, dtype, shape, size in plan.layout:
        array = np.frombuffer(body, dtype, size // dtype.itemsize, at).reshape(shape)
        inputs[name] = array if array.flags.aligned else array.copy()
        at += size
    return inputs


def _length(header: str | None) -> int | None:
    """Return the length of the JSON, or None if the header is missing, invalid or too long to cache."""
    if header is None or not (header.isascii() and header.isdigit()) or len(header) > len(str(MOST_BYTES)):
        return None
    return int(header)


def _plan(asked: v2.Request, size: int, model: Model) -> Plan | None:
    """Return the plan of a request, or None unless all its inputs and outputs are binary numbers."""
    layout = tuple((name, array.dtype, array.shape, array.nbytes) for name, array in asked.inputs.items())
    plain = all(array.dtype.kind in NUMBERS and array.nbytes for array in asked.inputs.values())
    # If the JSON itself holds an input, the inputs have more bytes than follow the JSON.
    if not plain or sum(each for *_, each in layout) != size:
        return None
    for output in asked.outputs:
        if not output.binary or output.classification or model.outputs[output.name].text:
            return None
    return Plan(layout, size, asked.outputs, asked.echoed, asked.times)
