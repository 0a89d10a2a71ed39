"""What a request asks is the same whether or not its JSON was read before, and so is its answer."""

from typing import Any

import numpy as np
import orjson
import pytest
from epochal_server.protocols import v2
from epochal_server.protocols.v2_repeated import MOST, Plans, Repeated
from epochal_server.refusals import Invalid
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.models import model, signature
from tests.kit.served import spec, texts

TWO = model(
    signature(
        [spec("a", [2], "float32"), spec("b", [], "int64")],
        [spec("sum", [-1], "float32"), spec("text", [], "str")],
    )
)


def head(samples: int, *, outputs: Any = None, binary: bool = True, **more: Any) -> bytes:
    sizes = {"a": samples * 8, "b": samples * 8}
    inputs = [
        {"name": "a", "datatype": "FP32", "shape": [samples, 2], "parameters": {"binary_data_size": sizes["a"]}},
        {"name": "b", "datatype": "INT64", "shape": [samples], "parameters": {"binary_data_size": sizes["b"]}},
    ]
    if not binary:
        inputs[1] = {"name": "b", "datatype": "INT64", "shape": [samples], "data": [1] * samples}
    wanted = [{"name": "sum", "parameters": {"binary_data": True}}] if outputs is None else outputs
    return orjson.dumps({"inputs": inputs, "outputs": wanted, **more})


def tensors(seed: int, samples: int) -> bytes:
    drawn = np.random.default_rng(seed)
    a = drawn.normal(size=(samples, 2)).astype(np.float32)
    return a.tobytes() + drawn.integers(0, 9, samples).tobytes()


def answers(samples: int, length: int = 3) -> dict[str, np.ndarray]:
    return {
        "sum": np.arange(samples * length, dtype=np.float32).reshape(samples, length),
        "text": texts(*["x"] * samples),
    }


def same(plans: Plans, told: bytes, data: bytes, length: int = 3) -> v2.Request | Repeated:
    """Makes sure that a request is understood and answered as it would be if there were no other."""
    expected = v2.decode(told + data, str(len(told)), TWO)
    found = plans.decode(told + data, str(len(told)))
    assert list(found.inputs) == list(expected.inputs)
    for name, array in expected.inputs.items():
        assert (found.inputs[name].dtype, found.inputs[name].flags.aligned) == (array.dtype, True)
        np.testing.assert_array_equal(found.inputs[name], array)
    given = answers(len(expected.inputs["b"]), length)
    assert plans.encode(found, given) == v2.encode(expected, given, TWO)
    return found


@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.sampled_from(["", "one", "another"]), st.integers(0, 99), st.integers(1, 3)),
        max_size=12,
    )
)
def test_is_the_same_however_often_it_comes(asked: list[tuple[int, str, int, int]]) -> None:
    plans = Plans(TWO)
    for samples, name, seed, length in asked:
        more: dict[str, Any] = {"id": name, "parameters": {"of": name}} if name else {}
        same(plans, head(samples, **more), tensors(seed, samples), length)


def test_json_is_read_once() -> None:
    plans = Plans(TWO)
    told = head(2)
    assert isinstance(same(plans, told, tensors(0, 2)), v2.Request)
    assert isinstance(same(plans, told, tensors(1, 2)), Repeated)


@pytest.mark.parametrize(
    "told",
    [
        head(2, binary=False),
        head(2, outputs=[{"name": "sum"}]),
        head(2, outputs=[]),
        head(2, outputs=[{"name": "text", "parameters": {"binary_data": True}}]),
        head(2, outputs=[{"name": "sum", "parameters": {"binary_data": True, "classification": 1}}]),
    ],
)
def test_what_is_not_all_numbers_as_bytes_is_read_each_time(told: bytes) -> None:
    plans = Plans(TWO)
    for seed in range(2):
        data = tensors(seed, 2)
        assert isinstance(same(plans, told, data if b'"data"' not in told else data[:16]), v2.Request)


@pytest.mark.parametrize(
    ("more", "length"),
    [(-1, "{}"), (1, "{}"), (0, "1"), (0, "²"), (0, "9999"), (0, "-1")],
)
def test_what_is_refused_is_refused_as_ever(more: int, length: str) -> None:
    plans, told = Plans(TWO), head(2)
    same(plans, told, tensors(0, 2))
    body = told + (tensors(0, 2) + b"x")[: 32 + more]
    length = length.format(len(told))
    with pytest.raises(Invalid) as expected:
        v2.decode(body, length, TWO)
    with pytest.raises(Invalid) as found:
        plans.decode(body, length)
    assert str(found.value) == str(expected.value)


def test_json_that_differs_each_time_is_not_kept_for_ever() -> None:
    plans = Plans(TWO)
    for number in range(MOST + 2):
        same(plans, head(1, id=str(number)), tensors(number, 1))
    assert len(plans._plans) == 2
