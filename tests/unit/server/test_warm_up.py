"""A model is called before anybody waits for it."""

from typing import Any

import numpy as np
import pytest
from epochal_api.signature import TensorSpec
from epochal_lib.model_server.errors import ServeError
from epochal_server.model import Arrays
from epochal_server.warm_up import warm_up

from tests.kit.models import model, signature


class Runtime:
    """Remembers what it is called with; some shapes it does not take."""

    def __init__(self, least: int = 0) -> None:
        self.least = least
        self.called: list[dict[str, Any]] = []

    def run(self, inputs: Arrays) -> Arrays:
        self.called.append({name: array.shape for name, array in inputs.items()})
        if any(array.shape[1:] and array.shape[1] < self.least for array in inputs.values()):
            raise ValueError("too short")
        return inputs


def taking(*shape: int, dtype: str = "float32") -> Any:
    return model(signature([TensorSpec(name="x", shape=list(shape), dtype=dtype)]))


def test_computes_each_number_of_samples() -> None:
    runtime = Runtime()
    pace = warm_up(taking(4), runtime, 6)  # type: ignore[arg-type]
    assert sorted({called["x"] for called in runtime.called}) == [(1, 4), (2, 4), (4, 4), (6, 4)]
    assert 0 < pace < 0.1


def test_takes_real_samples_if_there_are_any() -> None:
    runtime = Runtime()
    warm_up(taking(2), runtime, 4, {"x": np.ones((3, 2), np.float32)})  # type: ignore[arg-type]
    assert [called["x"][0] for called in runtime.called[::3]] == [1, 2, 4]


@pytest.mark.parametrize("dtype", ["float32", "str", "int64"])
def test_finds_a_length_that_suits(dtype: str) -> None:
    runtime = Runtime(least=10)
    warm_up(taking(-1, dtype=dtype), runtime, 1)  # type: ignore[arg-type]
    assert runtime.called[-1]["x"] == (1, 16)


def test_goes_on_without_where_none_suits() -> None:
    assert warm_up(taking(-1), Runtime(least=10_000), 4) == 1.0  # type: ignore[arg-type]


def test_refuses_a_model_that_does_not_take_what_it_says() -> None:
    with pytest.raises(ServeError, match=r'it takes "x" float32 of shape \(n, 4\), and cannot compute') as ended:
        warm_up(taking(4), Runtime(least=5), 4)  # type: ignore[arg-type]
    assert ended.value.reason == "ModelRefused"
