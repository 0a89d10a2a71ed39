"""The predicted memory of an answer is an upper bound."""

import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from epochal_server.model.datatypes import DATA_TYPES
from epochal_server.model.model import Arrays, Model, bytes_of
from epochal_server.protocols import answer_size, photographs, tfserving, v2, v2_request, watson
from epochal_server.protocols.v2_request import Head, Output

from tests.kit.served import model, pair, small, spec, texts

HEAD = 200
"""Bytes of a response beside its values."""


@dataclass(frozen=True)
class Protocol:
    """How a protocol answers: its bound, and its response."""

    memory_factor: Callable[[Model], int]
    encode: Callable[[Arrays, Model], bytes]


def v2_protocol(**options: Any) -> Protocol:
    def request(served: Model) -> Head:
        outputs = tuple(Output(name, **({"binary": False} | options)) for name in served.outputs)
        response_bytes = sum(v2_request._max_response_bytes(output, served) for output in outputs)
        return Head({}, outputs, {}, answer_size.memory_factor(served, response_bytes), 0)

    return Protocol(
        lambda served: request(served).memory_factor,
        lambda answers, served: v2.encode(request(served), served, answers).content,
    )


def tensorflow(answers: Arrays, _: Model, *, rows: bool) -> bytes:
    return tfserving.encode(rows, answers).content


def v4(answers: Arrays, served: Model) -> bytes:
    request = watson.Request({}, (watson.Part(len(next(iter(answers.values()))), None),))
    return watson.encode_v4(request, served, answers).content


PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        "v2": v2_protocol(),
        "v2 binary": v2_protocol(binary=True),
        "v2 classes": v2_protocol(classification=2),
        "v2 binary classes": v2_protocol(binary=True, classification=9),
        "tfserving rows": Protocol(tfserving._memory_factor, partial(tensorflow, rows=True)),
        "tfserving columns": Protocol(tfserving._memory_factor, partial(tensorflow, rows=False)),
        "watson v3": Protocol(watson._memory_factor, lambda answers, served: watson.encode_v3(served, answers).content),
        "watson v4": Protocol(watson._memory_factor, v4),
    }
)
NAMED: Mapping[str, Protocol] = MappingProxyType(
    {
        "tfserving names": Protocol(
            partial(tfserving._memory_factor, named=True),
            lambda answers, served: tfserving.encode(rows=True, answers=answers, named_by=served).content,
        ),
        "watson names": Protocol(
            partial(watson._memory_factor, named=True),
            lambda answers, served: watson.encode_v3(served, answers, named=True).content,
        ),
    }
)
"""Answers with the names of the classes."""


def extremes(dtype: str) -> list[Any]:
    of = np.dtype(dtype)
    match of.kind:
        case "b":
            return [True, False]
        case "f":
            info = np.finfo(of)
            return [-info.max, -info.tiny, -np.nextafter(of.type(info.tiny), of.type(1)), of.type(1 / 3), np.nan]
    return [np.iinfo(of).min, np.iinfo(of).max]


@pytest.mark.parametrize("dtype", sorted(each.name for each in DATA_TYPES if each.kind != "O"))
@pytest.mark.parametrize("shape", [(), (1,), (3,), (1, 1, 1), (2, 3)])
def test_a_response_has_no_more_bytes_than_predicted(dtype: str, shape: tuple[int, ...]) -> None:
    for probabilities in (False, True):
        served = model([spec("x", (2,))], [spec("y", shape, dtype)], probabilities=probabilities)
        for value in extremes(dtype):
            answers = {"y": np.full((50, *shape), value, dtype)}
            for name, protocol in PROTOCOLS.items():
                max_bytes = HEAD + (protocol.memory_factor(served) - 1) * bytes_of(answers)
                assert len(protocol.encode(answers, served)) <= max_bytes, (name, value)


def test_strings_and_names_count() -> None:
    answers = {"score": np.full((50, 2), -1 / 3, np.float32), "said": texts(*["\x01" * 1000] * 50)}
    for name in ("v2", "v2 binary", "tfserving rows", "watson v3"):
        protocol = PROTOCOLS[name]
        assert len(protocol.encode(answers, pair())) <= HEAD + (protocol.memory_factor(pair()) - 1) * bytes_of(
            answers
        ), name


def test_names_of_classes_count() -> None:
    served = small(classes=("\x01" * 300, "b", "c"))
    answers = {"y": np.full((50, 3), [1, 0, 0], np.float32)}
    for name, protocol in {**NAMED, **{name: PROTOCOLS[name] for name in ("v2 classes", "v2 binary classes")}}.items():
        assert len(protocol.encode(answers, served)) <= HEAD + (protocol.memory_factor(served) - 1) * bytes_of(
            answers
        ), name
    assert photographs.memory_factor(served) > 300


@pytest.mark.parametrize("name", [*PROTOCOLS, *NAMED])
def test_encoding_takes_at_most_twice_the_response(name: str) -> None:
    """Its parts and the whole: a few numbers at a time are Python objects."""
    protocol, served = {**PROTOCOLS, **NAMED}[name], small(probabilities=True, classes=("a", "b", "c"))
    answers = {"y": np.random.default_rng(3).random((40_000, 3)).astype(np.float32)}
    protocol.encode({"y": answers["y"][:10]}, served)
    tracemalloc.start()
    try:
        body = protocol.encode(answers, served)
        _, max_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert max_bytes < (1.1 if name == "v2 binary" else 2.2) * len(body) + 2 * 2**20


@pytest.mark.parametrize("rows", [True, False])
def test_encoding_several_outputs_takes_at_most_twice_the_response(*, rows: bool) -> None:
    random = np.random.default_rng(3)
    answers = {name: random.random((40_000, 2)).astype(np.float32) for name in ("a", "b")}
    tracemalloc.start()
    try:
        body = tfserving.encode(rows, answers).content
        _, max_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert max_bytes < 2.2 * len(body) + 2 * 2**20
