"""A body of twice the size takes at most two and a half times as long to decode, in each protocol.

The test takes CPU time, the least of several runs, and the mean of two or three doublings: a single doubling is uneven
where a dictionary outgrows a cache. The collector is off, as it is in a server that decodes a large body. A quadratic
part is found if it takes more time than the linear part in a body of 2 MiB, or of 8 MiB for the bodies of LARGE.
"""

import gc
import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count, pairwise
from time import thread_time

import orjson
import pytest
from epochal_server.model.model import Model
from epochal_server.protocols import tfserving, v2_request, watson
from epochal_server.protocols.json_body import CHECKED_BYTES
from epochal_server.refusals import Invalid

from tests.kit.served import model, pair, small, spec

SIZES = 2**18, 2**21
LARGE_SIZE = 2**23 - 2**10
"""Nearly the default limit of a request's body."""
TIMES = 2.5
"""Maximum ratio of the times for twice the size."""
RUNS = 6
Decode = Callable[[bytes], object]

TEXTS = model([spec("x", (1,), "str")], [spec("y", (3,))])
INPUT = b'{"inputs":[{"name":"x","datatype":"FP32","shape":[%d,2],"data":[%b]}]%b}'


def repeated(head: bytes, item: bytes, tail: bytes) -> Callable[[int], bytes]:
    def make(size: int) -> bytes:
        return head + b",".join([item] * ((size - len(head) - len(tail)) // (len(item) + 1))) + tail

    return make


def named(head: bytes, item: bytes, tail: bytes, last: bytes = b"") -> Callable[[int], bytes]:
    """Return a function that makes a body of items with different names."""

    def make(size: int) -> bytes:
        items, left = list[bytes](), size
        for number in count():
            items.append(item % number)
            left -= len(items[-1]) + 1
            if left <= 0:
                return head + b",".join(items) + last + tail
        raise AssertionError

    return make


def numbers(item: bytes, end: bytes = b"", more: bytes = b"") -> Callable[[int], bytes]:
    """Return a function that makes a v2 request of samples."""

    def make(size: int) -> bytes:
        samples = size // (len(item) + 1)
        return INPUT % (samples, b",".join([item] * samples) + end, more)

    return make


def of_v2(served: Model) -> Decode:
    return lambda body: v2_request.parse(body, served)


def binary(body: bytes) -> object:
    return v2_request.Decoder(small()).decode(body + b"more", str(len(body)))


def of_tfserving(served: Model) -> Decode:
    return lambda body: tfserving.decode(body, served)


def of_watson(served: Model) -> Decode:
    return lambda body: watson.decode_v4(body, served)


def of_watson_v3(served: Model) -> Decode:
    return lambda body: watson.decode_v3(body, served)


BODIES: dict[str, tuple[Decode, Callable[[int], bytes]]] = {
    "v2: numbers": (of_v2(small()), numbers(b"1.5,2")),
    "v2: lists": (of_v2(small()), numbers(b"[1],[2]")),
    "v2: the last number does not fit": (of_v2(small()), numbers(b"1,2", b",1,1e300")),
    "v2: an escaped colon": (of_v2(small()), numbers(b"1.5,2", more=rb',"id":"\u003a"')),
    "v2: a name twice": (of_v2(small()), named(b'{"a":{', b'"%x":"' + b"a" * 100 + b'"', b"}}", b',"0":1')),
    "v2: parameters": (of_v2(small()), named(b'{"parameters":{', b'"%x":1', b'},"inputs":[]}')),
    "v2: inputs": (of_v2(small()), named(b'{"inputs":[', b'{"name":"%x"}', b"]}")),
    "v2: outputs": (of_v2(small()), repeated(b'{"outputs":[', b'{"name":"y"}', b"]}")),
    "v2: a long name": (of_v2(small()), lambda size: b'{"inputs":[{"name":"%b"}]}' % (b"\xe2\x80\xae" * (size // 3))),
    "v2 binary: parameters": (binary, named(b'{"inputs":[],"parameters":{', b'"%x":true', b"}}")),
    "v2: brackets": (of_v2(small()), repeated(b'{"inputs":[', b"[" * 900 + b"]" * 900, b"]}")),
    "tfserving: rows": (of_tfserving(small()), repeated(b'{"instances":[', b"[1.5,2]", b"]}")),
    "tfserving: objects": (of_tfserving(pair()), repeated(b'{"instances":[', b'{"count":1,"words":["a"]}', b"]}")),
    "tfserving: base64": (of_tfserving(TEXTS), repeated(b'{"instances":[', b'[{"b64":"YQ=="}]', b"]}")),
    "tfserving: names": (of_tfserving(pair()), named(b'{"inputs":{', b'"%x":1', b"}}")),
    "watson: rows": (of_watson(small()), repeated(b'{"input_data":[{"values":[', b"[1.5,2]", b"]}]}")),
    "watson: several inputs": (
        of_watson(pair()),
        repeated(b'{"input_data":[{"fields":["count","words"],"values":[', b'[1,["a"]]', b"]}]}"),
    ),
    "watson: entries": (of_watson(small()), repeated(b'{"input_data":[', b'{"values":[[1,2]]}', b"]}")),
    "watson: fields": (of_watson(pair()), named(b'{"input_data":[{"fields":[', b'"%x"', b"]}]}")),
    "watson v3: rows": (of_watson_v3(small()), repeated(b'{"values":[', b"[1.5,2]", b"]}")),
}
LARGE = (
    "v2: numbers",
    "v2: lists",
    "v2: a name twice",
    "v2: a long name",
    "v2: brackets",
    "tfserving: rows",
    "watson: rows",
    "watson v3: rows",
)
"""Bodies that are measured up to LARGE_SIZE: the usual ones of each protocol, and those with many or long names."""


@pytest.fixture(autouse=True)
def _no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def seconds(decode: Decode, body: bytes) -> float:
    began = thread_time()
    with suppress(Invalid):
        decode(body)
    return thread_time() - began


def parse(body: bytes) -> None:
    with suppress(orjson.JSONDecodeError):
        orjson.loads(body)


@pytest.mark.parametrize("name", BODIES)
def test_decoding_takes_linear_time(name: str) -> None:
    decode, make = BODIES[name]
    sizes = (*SIZES, LARGE_SIZE) if name in LARGE else SIZES
    limits = [TIMES ** math.log2(large / small) for small, large in pairwise(sizes)]
    bodies = [make(size) for size in sizes]
    least = [seconds(decode, body) for body in bodies]
    for _ in range(RUNS):
        slow = {at for at, (small, large) in enumerate(pairwise(least)) if large > limits[at] * small}
        if not slow:
            return
        for at in slow | {at + 1 for at in slow}:
            least[at] = min(least[at], seconds(decode, bodies[at]))
    # New memory for many objects makes orjson itself slower: only our own code must be linear.
    parsed = [min(seconds(parse, body) for _ in range(RUNS)) for body in bodies]
    for at in slow:
        times = limits[at] * max(1, parsed[at + 1] / parsed[at] * sizes[at] / sizes[at + 1])
        assert least[at + 1] <= times * least[at], f"found {least}, and {parsed} by orjson alone, for {sizes} bytes"


def test_finds_a_repeated_field_among_thousands_in_linear_time() -> None:
    body = BODIES["v2: a name twice"][1](CHECKED_BYTES)
    assert min(seconds(of_v2(small()), body) for _ in range(3)) < 1  # it took 6 s when names were compared in pairs
