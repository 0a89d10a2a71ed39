"""The example on the page of a model."""

import numpy as np
import orjson
import pytest
from epochal_server.model.model import Arrays, Model, check
from epochal_server.protocols.v2_request import Decoder
from epochal_server.routes.page import describe
from epochal_server.routes.page_example import MAX_BYTES, example

from tests.kit.served import digits, model, pair, small, spec, texts

SAMPLES = {"count": np.array([3, 4], np.int64), "words": texts("é", 'a "b"').reshape(1, 2).repeat(2, axis=0)}
LARGE = MAX_BYTES // 16


def sent(served: Model, samples: Arrays) -> Arrays:
    """Return the inputs of a request with the example that the page gets."""
    text = orjson.dumps(describe(served, samples), option=orjson.OPT_SERIALIZE_NUMPY)
    inputs, _ = Decoder(served).decode(orjson.dumps(orjson.loads(text)["example"]), None)
    return inputs


def test_is_a_valid_request_with_the_first_sample() -> None:
    found = sent(pair(), SAMPLES)
    assert check(found, pair().inputs) == 1
    assert (found["count"].tolist(), found["words"].tolist()) == ([3], [["é", 'a "b"']])
    features = np.array([[14.1, 0.096], [1, 2]], np.float32)
    np.testing.assert_array_equal(sent(small(), {"x": features})["x"], features[:1])
    assert b"[14.1,0.096]" in orjson.dumps(example(small(), {"x": features}), option=orjson.OPT_SERIALIZE_NUMPY)


@pytest.mark.parametrize(("values", "exists"), [(LARGE, True), (LARGE + 1, False)])
def test_a_large_sample_is_no_example(values: int, *, exists: bool) -> None:
    served = model([spec("x", (values,))], [spec("y", (1,))])
    assert (example(served, {"x": np.zeros((2, values), np.float32)}) is not None) == exists


def test_long_texts_are_no_example() -> None:
    served = model([spec("x", (), "str")], [spec("y", (1,))])
    assert example(served, {"x": texts("x" * 1000)}) is not None
    assert example(served, {"x": texts("\x01" * (1 + MAX_BYTES // 6))}) is None


@pytest.mark.parametrize("values", [[np.nan, 1], [np.inf, 1]])
def test_a_sample_that_the_server_refuses_is_no_example(values: list[float]) -> None:
    assert example(small(), {"x": np.array([values], np.float32)}) is None


@pytest.mark.parametrize(
    ("value", "dtype", "exists"),
    [
        (2**53, "int64", True),
        (-(2**53), "int64", True),
        (2**53 + 1, "int64", False),
        (-(2**63), "int64", False),
        (2**53, "uint64", True),
        (2**64 - 1, "uint64", False),
    ],
)
def test_an_integer_that_a_page_rounds_is_no_example(value: int, dtype: str, *, exists: bool) -> None:
    sample = np.array([[value, 1]], dtype)
    assert (example(small(dtype), {"x": sample}) is not None) == exists


def test_a_model_without_samples_has_no_example() -> None:
    assert example(small(), None) is None
    assert (
        describe(digits(), {"image": np.zeros((1, 28, 28, 1), np.float32)})["example"] is None
    )  # it takes photographs
