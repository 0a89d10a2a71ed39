import json
from typing import Any

import keras
import numpy as np
import pytest
from epochal_trainer.checkpoint import values


class Callback(keras.callbacks.Callback):  # type: ignore[misc]
    def __init__(self, patience: int = 3) -> None:
        super().__init__()
        self.patience = patience
        self.value: Any = None


VALUES = [
    None,
    True,
    7,
    2**70,
    0.1,
    float("inf"),
    float("-inf"),
    "text",
    [1, [2.5, None]],
    (1, "two"),
    {"a": [np.float32(0.1)], "array": "no array"},
    np.float64(0.25),
    np.arange(6, dtype="int16").reshape(2, 3),
    [np.zeros(2), np.ones((1, 2), "float16")],
]


@pytest.mark.parametrize("value", [value for value in VALUES if not isinstance(value, str)], ids=repr)
def test_a_value_is_what_it_was(value: Any) -> None:
    before, after, arrays = Callback(), Callback(), dict[str, Any]()
    before.value = value
    state = json.loads(json.dumps(values.state_of(before, "callbacks/0", arrays)))
    values.restore(after, state, arrays)
    assert type(after.value) is type(value)
    np.testing.assert_equal(after.value, value)


def test_nan() -> None:
    before, after = Callback(), Callback()
    before.value = float("nan")
    values.restore(after, values.state_of(before, "callbacks/0", {}), {})
    assert np.isnan(after.value)


@pytest.mark.parametrize(
    "value", [print, object(), {1: 2}, [lambda: 1], np.array([{}]), "a path", {3}, np.array(["a"]), np.bytes_(b"a")]
)
def test_what_is_no_state_is_left_out(value: Any) -> None:
    callback, arrays = Callback(), dict[str, Any]()
    callback.value = value
    assert values.state_of(callback, "callbacks/0", arrays) == {}
    assert arrays == {}


def test_arguments_come_from_the_job() -> None:
    callback = Callback(patience=4)
    assert values.state_of(callback, "callbacks/0", {}) == {"value": None}


@pytest.mark.parametrize(
    "attribute", ["patience", "model", "_model", "params", "on_epoch_end", "__class__", "set_model"]
)
def test_only_state_is_taken_over(attribute: str) -> None:
    callback = Callback()
    before = dict(vars(callback))
    values.restore(callback, {attribute: 9}, {})
    assert vars(callback) == before


@pytest.mark.parametrize("found", [{"scalar": "text"}, "elsewhere", 7, None, {"tuple": ["elsewhere"]}], ids=str)
def test_what_is_a_path_here_is_never_set(found: Any) -> None:
    callback = Callback()
    callback.value = "/scratch/callbacks/logs"
    values.restore(callback, {"value": found}, {"text": np.array("elsewhere")})
    assert callback.value == "/scratch/callbacks/logs"


def test_text_is_no_number() -> None:
    callback = Callback()
    values.restore(callback, {"value": {"scalar": "text"}}, {"text": np.array("elsewhere")})
    assert callback.value is None


def test_a_copy_is_taken() -> None:
    callback, arrays = Callback(), dict[str, Any]()
    callback.value = np.zeros(2)
    values.state_of(callback, "callbacks/0", arrays)
    callback.value += 1
    assert arrays["callbacks/0/value"].tolist() == [0, 0]


def test_an_array_that_is_named_often_takes_memory_once() -> None:
    array = np.zeros(2)
    assert all(found is array for found in values.decoded([{"array": "a"}] * 9, {"a": array}))
