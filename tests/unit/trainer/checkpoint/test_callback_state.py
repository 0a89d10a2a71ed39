import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.trainingjob.network import Callback
from epochal_trainer.checkpoint import callback_state as values
from epochal_trainer.lib.failures import Failure
from epochal_trainer.model import callbacks

PATHS = {"BackupAndRestore": "backup_dir", "CSVLogger": "filename", "ModelCheckpoint": "filepath"}
FOLLOWS = {
    "BackupAndRestore": "on_train_begin _prev_training_metadata_path _prev_weights_path _training_metadata_path "
    "_weights_path",
    "CSVLogger": "append_header csv_file sep writer",
    "EarlyStopping": "monitor_op",
    "ModelCheckpoint": "min_delta monitor_op",
    "ReduceLROnPlateau": "monitor_op",
    "TensorBoard": "_batch_start_time _batch_trace_context _is_tracing _prev_summary_state _profiler_started "
    "_should_trace _start_batch _stop_batch _summary_module _train_accumulated_time _writers",
}
"""Attributes that follow from arguments, from files that are put back, or from the process: none is state."""


def built(kind: str, folder: Path) -> Any:
    arguments = {PATHS[kind]: "a.keras"} if kind in PATHS else {}
    return callbacks.build([Callback.model_validate({"callback": kind, **arguments})], folder=folder)[0]


def usable(folder: Path) -> Iterator[Any]:
    for name in dir(keras.callbacks):
        try:
            yield built(name, folder)
        except (Failure, IndexError, ValueError):  # it is refused, or a part of every training
            continue


VALUES = [
    None,
    True,
    7,
    2**70,
    0.1,
    float("inf"),
    float("-inf"),
    float("nan"),
    ["loss", "val_loss"],
    [1, [2.5, None]],
    [np.float32(0.1)],
    np.float64(0.25),
    np.float32("nan"),
    np.arange(6, dtype="int16").reshape(2, 3),
    [np.zeros(2), np.ones((1, 2), "float16")],
]


def early() -> Any:
    return keras.callbacks.EarlyStopping(patience=4, restore_best_weights=True)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_is_what_it_was(value: Any) -> None:
    before, after, arrays = early(), early(), dict[str, Any]()
    before.best_weights = value
    state = json.loads(json.dumps(values.state_of(before, "callbacks/0", arrays)))
    values.restore(after, state, arrays)
    assert type(after.best_weights) is type(value)
    np.testing.assert_equal(after.best_weights, value)


def test_the_table_knows_every_callback(tmp_path: Path) -> None:
    """What a new version of Keras adds to one fails here: it is state, or follows from what is put back."""
    found = list(usable(tmp_path))
    assert {type(callback).__name__ for callback in found} == {*values.STATE, "TerminateOnNaN"}
    for callback in found:
        kind = type(callback)
        state = {*values.STATE.get(kind.__name__, ()), *vars(keras.callbacks.Callback())}
        rest = set(vars(callback)).difference(state, inspect.signature(kind).parameters)
        assert rest == set(FOLLOWS.get(kind.__name__, "").split()), kind


@pytest.mark.parametrize("kind", values.STATE)
def test_every_attribute_of_the_table_is_put_back_and_no_other(tmp_path: Path, kind: str) -> None:
    before, after = built(kind, tmp_path), built(kind, tmp_path)
    for index, name in enumerate(values.STATE[kind]):
        setattr(before, name, index + 1.5)
    state = values.state_of(before, "callbacks/0", {})
    assert tuple(state) == values.STATE[kind]
    was = dict(vars(after))
    hostile = dict.fromkeys([*was, "on_epoch_end", "__class__", "set_model"], "elsewhere")
    values.restore(after, {**hostile, **state}, {})
    assert {name: getattr(after, name) for name in state} == state
    assert "elsewhere" not in vars(after).values()
    changed = {name for name, value in vars(after).items() if name not in state and value is not was[name]}
    assert changed <= {"monitor_op", "min_delta"}  # Keras itself chooses how to compare


@pytest.mark.parametrize("callback", [keras.callbacks.TerminateOnNaN(), keras.callbacks.Callback()], ids=type)
def test_others_have_no_state(callback: Any) -> None:
    before = dict(vars(callback))
    assert values.state_of(callback, "callbacks/0", {}) == {}
    values.restore(callback, {**before, "best": 9}, {})
    assert vars(callback) == before


def test_what_is_not_there_yet_is_left_out() -> None:
    assert "best_epoch" not in values.state_of(early(), "callbacks/0", {})


def test_a_copy_is_taken() -> None:
    callback, arrays = early(), dict[str, Any]()
    callback.best_weights = [np.zeros(2)]
    values.state_of(callback, "callbacks/0", arrays)
    callback.best_weights[0] += 1
    assert arrays["callbacks/0/best_weights/0"].tolist() == [0, 0]


def test_an_array_that_is_named_often_takes_memory_once() -> None:
    array = np.zeros(2)
    assert all(found is array for found in values.decoded([{"array": "a"}] * 9, {"a": array}))
