"""Open Inference's binary requests, of which one client's have the same JSON over and over: it is read once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from epochal_server.model import Arrays, Model
from epochal_server.protocols import v2, v2_binary
from epochal_server.protocols.v2 import Output

MOST = 256
"""How many different ones are remembered."""
MOST_BYTES = 4096
"""Of one that is remembered."""
NUMBERS = "iuf"
"""Kinds of types that any bytes are a value of."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the JSON of a request says."""

    layout: tuple[tuple[str, np.dtype, tuple[int, ...], int], ...]
    """Name, type, shape and bytes of each input, in the order in which they follow."""
    size: int
    """Bytes of all of them."""
    outputs: tuple[Output, ...]
    """What is asked for."""
    echoed: Mapping[str, Any]
    """What the response has of it."""
    times: int
    """See v2.Request."""
    heads: dict[tuple[tuple[int, ...], ...], bytes] = field(default_factory=dict)
    """The JSON of the response, by the shapes of the outputs."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """What a request asks whose JSON is known."""

    inputs: Arrays
    plan: Plan

    @property
    def times(self) -> int:
        """See v2.Request."""
        return self.plan.times


class Plans:
    """Understands requests to a model.

    Args:
        model: The model.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._plans: dict[bytes, Plan] = {}

    def decode(self, body: bytes, header_length: str | None) -> v2.Request | Repeated:
        """See v2.decode."""
        at = _length(header_length)
        if at is None:
            return v2.decode(body, header_length, self._model)
        told = body[:at]
        plan = self._plans.get(told)
        if plan is not None and len(body) - at == plan.size:
            return Repeated(_inputs(body, at, plan), plan)
        asked = v2.decode(body, header_length, self._model)
        if plan is None and (plan := _plan(asked, len(body) - at, self._model)) is not None:
            if len(self._plans) >= MOST:  # those whose JSON differs each time win nothing here
                self._plans.clear()
            self._plans[told] = plan
        return asked

    def encode(self, asked: v2.Request | Repeated, answers: Arrays) -> tuple[bytes, int | None]:
        """See v2.encode."""
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
            assert length is not None  # noqa: S101 - there is an output, and each is binary
            if not plan.heads:  # an output of any length has as many shapes
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
    """Returns how long the JSON is; None if it is not told, or not as it must be, or is too long to be remembered."""
    if header is None or not (header.isascii() and header.isdigit()) or len(header) > len(str(MOST_BYTES)):
        return None
    return int(header)


def _plan(asked: v2.Request, size: int, model: Model) -> Plan | None:
    """Returns what the JSON of a request says, if all that it asks and wants are numbers as bytes."""
    layout = tuple((name, array.dtype, array.shape, array.nbytes) for name, array in asked.inputs.items())
    plain = all(array.dtype.kind in NUMBERS and array.nbytes for array in asked.inputs.values())
    # Where one input stands in the JSON itself, the bytes of all are more than those that follow it.
    if not plain or sum(each for *_, each in layout) != size:
        return None
    for output in asked.outputs:
        if not output.binary or output.classification or model.outputs[output.name].text:
            return None
    return Plan(layout, size, asked.outputs, asked.echoed, asked.times)
