from typing import Any

import keras
import pytest
from epochal_trainer.training.callback_list import CallbackList


class PendingMetric:
    """A metric value that the device still computes: its conversion waits for the device."""

    def __init__(self) -> None:
        self.waits = 0

    def __float__(self) -> float:
        self.waits += 1
        return 0.5


class StepListener(keras.callbacks.Callback):  # type: ignore[misc]
    """Records the metrics of each step of training and of validation."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, Any]] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seen.append((batch, logs))

    on_test_batch_end = on_train_batch_end


class Counter(keras.callbacks.Callback):  # type: ignore[misc]
    """Counts steps at their beginning, when there are no metrics."""

    steps = 0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        del batch, logs
        self.steps += 1


def steps(*callbacks: Any) -> tuple[int, int]:
    """Ends a step of training and a step of validation, and returns how often each waited for the device."""
    callback_list = CallbackList(list(callbacks), model=keras.Sequential())
    train, test = PendingMetric(), PendingMetric()
    callback_list.on_train_batch_begin(0)
    callback_list.on_train_batch_end(0, {"loss": train})
    callback_list.on_test_batch_begin(0)
    callback_list.on_test_batch_end(0, {"loss": test})
    return train.waits, test.waits


@pytest.mark.parametrize(
    ("callback", "arguments", "waits"),
    [
        (Counter, {}, (0, 0)),
        (StepListener, {}, (1, 1)),
        ("EarlyStopping", {}, (0, 0)),
        ("SwapEMAWeights", {}, (0, 0)),
        ("TerminateOnNaN", {}, (1, 0)),
        ("ModelCheckpoint", {"filepath": "best.keras"}, (0, 0)),
        ("ModelCheckpoint", {"filepath": "best.keras", "save_freq": 9}, (1, 0)),
        ("BackupAndRestore", {"backup_dir": "backup"}, (0, 0)),
        ("TensorBoard", {}, (0, 0)),
        ("TensorBoard", {"update_freq": 9}, (1, 0)),
    ],
)
def test_metrics_are_read_only_for_callbacks_that_use_them(
    callback: Any, arguments: dict[str, Any], waits: tuple[int, int], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kind = getattr(keras.callbacks, callback) if isinstance(callback, str) else callback
    built = kind(**arguments)
    if isinstance(built, keras.callbacks.TensorBoard):
        monkeypatch.setattr(built, "_push_writer", lambda *_: None)
        monkeypatch.setattr(built, "_pop_writer", lambda: None)
        built._global_train_batch = 0
    assert steps(built, Counter()) == waits


def test_callbacks_with_and_without_metrics() -> None:
    listener, counter = StepListener(), Counter()
    steps(counter, listener)
    assert listener.seen == [(0, {"loss": 0.5})] * 2
    assert counter.steps == 1


def test_on_train_begin_runs_once() -> None:
    begun: list[int] = []

    class Beginning(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_begin(self, logs: Any = None) -> None:
            del logs
            begun.append(1)

    callback_list = CallbackList([Beginning()], model=keras.Sequential())
    callback_list.on_train_begin()
    callback_list.on_train_begin()
    assert begun == [1]
