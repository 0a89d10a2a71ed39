"""The warm-up of a model."""

from typing import Any

import numpy as np
import pytest
from epochal_api.signature import TensorSpec
from epochal_lib.model_server.errors import ServeError
from epochal_server.model.model import Arrays
from epochal_server.model.warm_up import warm_up

from tests.kit.models import model, signature


class Runtime:
    """Records the shapes of its inputs, and refuses short inputs."""

    def __init__(self, least: int = 0) -> None:
        self.least = least
        self.shapes: list[dict[str, Any]] = []

    def run(self, inputs: Arrays) -> Arrays:
        self.shapes.append({name: array.shape for name, array in inputs.items()})
        if any(array.shape[1:] and array.shape[1] < self.least for array in inputs.values()):
            raise ValueError("too short")
        return inputs


def model_with_input(*shape: int, dtype: str = "float32") -> Any:
    return model(signature([TensorSpec(name="x", shape=list(shape), dtype=dtype)]))


def test_computes_each_batch_size() -> None:
    runtime = Runtime()
    seconds_per_sample = warm_up(model_with_input(4), runtime, 6)  # type: ignore[arg-type]
    assert sorted({call["x"] for call in runtime.shapes}) == [(1, 4), (2, 4), (4, 4), (6, 4)]
    assert 0 < seconds_per_sample < 0.1


def test_uses_stored_samples() -> None:
    runtime = Runtime()
    warm_up(model_with_input(2), runtime, 4, {"x": np.ones((3, 2), np.float32)})  # type: ignore[arg-type]
    assert [call["x"][0] for call in runtime.shapes[::3]] == [1, 2, 4]


@pytest.mark.parametrize("dtype", ["float32", "str", "int64"])
def test_tries_lengths_for_a_dynamic_axis(dtype: str) -> None:
    runtime = Runtime(least=10)
    warm_up(model_with_input(-1, dtype=dtype), runtime, 1)  # type: ignore[arg-type]
    assert runtime.shapes[-1]["x"] == (1, 16)


def test_continues_if_no_length_is_accepted() -> None:
    assert warm_up(model_with_input(-1), Runtime(least=10_000), 4) == 1.0  # type: ignore[arg-type]


def test_refuses_a_model_that_fails_for_its_own_inputs() -> None:
    with pytest.raises(ServeError, match=r'a sample of zeros with the inputs "x" float32 of shape \(n, 4\)') as error:
        warm_up(model_with_input(4), Runtime(least=5), 4)  # type: ignore[arg-type]
    assert error.value.reason == "ModelRefused"
