import gc
import threading
import weakref
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.trainingjob.training import Checkpoint
from epochal_trainer.checkpoint import Checkpointer, Costs, Files, Position, Snapshot, Writer
from epochal_trainer.checkpoint.checkpointer import copies_exceed, epochs_between
from epochal_trainer.reporting.history import Epoch

from tests.unit.trainer.checkpoint.starts import FACTS

# Keras 3.15 under numpy 2.4: https://numpy.org/devdocs/numpy_2_0_migration_guide.html
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def checkpointer_of(folder: Path, writer: Writer, costs: Costs, **policy: int) -> Checkpointer:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer="Adam", loss="mse")
    return Checkpointer(
        Checkpoint.model_validate(policy),
        model=model,
        callbacks=[],
        files=Files(folder, [], folder / "staging"),
        writer=writer,
        costs=costs,
        facts=FACTS,
        attempt=1,
        versions={},
    )


def test_at_most_two_checkpoints_are_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writing, go_on = threading.Event(), threading.Event()
    written: list[int] = []

    def write(snapshot: Snapshot) -> None:
        writing.set()
        go_on.wait(10)
        written.append(snapshot.state.position.epoch)

    writer = Writer(write, Costs())
    checkpointer = checkpointer_of(tmp_path, writer, Costs())
    snapshots: list[weakref.ref[Snapshot]] = []
    at_once: list[int] = []
    copy = Snapshot.of

    def counted(*args: Any, **more: Any) -> Snapshot:
        gc.collect()
        at_once.append(sum(snapshot() is not None for snapshot in snapshots) + 1)
        taken = copy(*args, **more)
        snapshots.append(weakref.ref(taken))
        return taken

    monkeypatch.setattr(Snapshot, "of", counted)
    for epoch in range(4):
        checkpointer.store(checkpointer.capture(Position(epoch=epoch), [], seconds=0))
        assert writing.wait(10)
    go_on.set()
    assert writer.flush(10)
    writer.close()
    assert at_once == [1, 2, 2, 2]
    assert written == [0, 3]


@pytest.mark.parametrize(
    ("cost", "epoch_seconds", "copying", "every"),
    [
        (0.0, 10.0, 0.0, 1),  # no checkpoint yet
        (0.3, 10.0, 0.0, 1),
        (0.31, 10.0, 0.0, 2),
        (2.9, 10.0, 0.0, 10),
        (60.0, 10.0, 0.0, 60),  # ten minutes
        (60.0, 3600.0, 0.0, 1),
        (600.0, 3600.0, 0.0, 1),
        (0.09, 0.1, 0.0, 1),  # below the minimum cost
        (0.2, 1.0, 0.0, 7),
        (1.0, 3600.0, 0.0, 1),
        (1.0, 0.0, 0.0, 1),  # no finished epoch yet
        (0.3, 10.0, 0.15, 2),  # half of the share is left
        (0.3, 10.0, 0.19, 2),  # never less
        (0.3, 10.0, 4.0, 2),
        (0.12, 1.0, 0.0, 4),
        (0.12, 1.0, 0.005, 5),
        (0.12, 1.0, 0.029, 8),
        (0.12, 1.0, 0.031, 8),
        (60.0, 10.0, 4.0, 60),  # ten minutes
        (0.3, 3600.0, 400.0, 1),
        (0.09, 10.0, 4.0, 1),  # below the minimum cost
    ],
)
def test_checkpoints_and_copies_take_a_limited_share_of_the_time(
    cost: float, epoch_seconds: float, copying: float, every: int
) -> None:
    assert epochs_between(cost, epoch_seconds, copying) == every


@pytest.mark.parametrize(
    ("copying", "epoch_seconds", "exceed"),
    [(0.3, 10.0, False), (0.31, 10.0, True), (0.09, 0.1, False), (0.2, 0.0, False), (0.1, 1.0, True)],
)
def test_copies_exceed_the_share(
    copying: float,
    epoch_seconds: float,
    exceed: bool,  # noqa: FBT001
) -> None:
    assert copies_exceed(copying, epoch_seconds) is exceed


@pytest.mark.parametrize(
    ("policy", "copies", "due", "expected"),
    [
        ({}, [0.0] * 8, [1, 4, 7], None),
        ({}, [0.2, 0.2, *[0.0] * 6], [1, 5], None),
        (
            {},
            [0.4] * 8,
            [1, 7],
            "about 0.4 s per epoch of 10.0 s, more than the 3 % limit",
        ),
        ({"everyEpochs": 4}, [0.4] * 8, [4, 8], "about 0.4 s"),
    ],
)
def test_expensive_copies_are_logged_once(  # noqa: PLR0917
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    policy: dict[str, int],
    copies: list[float],
    due: list[int],
    expected: str | None,
) -> None:
    costs = Costs()
    writer = Writer(lambda _: None, Costs())
    checkpointer = checkpointer_of(tmp_path, writer, costs, **policy)
    begins_after = 20
    history = [Epoch(number, 10.0, None, {"loss": 0.5}) for number in range(1, begins_after + 1)]
    first = checkpointer.capture(Position(epoch=begins_after), history, seconds=0)
    checkpointer.resume(first)
    costs.captures.clear()  # That took as long as the machine was busy.
    found = []
    for number, seconds in enumerate(copies, 1):
        history.append(Epoch(begins_after + number, 10.0, None, {"loss": 0.5}))
        costs.best_seconds += seconds
        if checkpointer.due_after(begins_after + number):
            found.append(number)
            checkpointer.store(checkpointer.capture(Position(epoch=begins_after + number), history, seconds=0))
        costs.captures.clear()
        costs.captures.append(0.8)
    writer.close()
    assert found == due
    logged = [message for message in caplog.messages if "Copies of the best weights" in message]
    assert len(logged) == (expected is not None)
    assert all(expected in message and "spec.results.best: false" in message for message in logged if expected)


@pytest.mark.parametrize(
    ("policy", "due"),
    [
        ({}, [1, 4, 7]),
        ({"everyEpochs": 1}, [1, 4, 7]),  # as the API server writes it where nobody does
        ({"everyEpochs": 2}, [2, 4, 6, 8]),
        ({"everySeconds": 3600}, [1, 4, 7]),
    ],
)
def test_expensive_checkpoints_are_less_frequent_and_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, policy: dict[str, int], due: list[int]
) -> None:
    costs = Costs()
    writer = Writer(lambda _: None, Costs())
    checkpointer = checkpointer_of(tmp_path, writer, costs, **policy)
    history: list[Epoch] = []
    found = []
    with caplog.at_level("INFO"):
        for number in range(1, 9):
            history.append(Epoch(number, 10.0, None, {"loss": 0.5}))
            if checkpointer.due_after(number):
                found.append(number)
                checkpointer.store(checkpointer.capture(Position(epoch=number), history, seconds=0))
                costs.captures.clear()
                costs.captures.append(0.8)
    writer.close()
    assert found == due
    logged = [message for message in caplog.messages if "A checkpoint takes about 0.8 s" in message]
    assert len(logged) == (due == [1, 4, 7])
    assert all("checkpoints are now about 3 epochs apart" in message for message in logged)


def test_memory_of_a_written_checkpoint_is_reused(tmp_path: Path) -> None:
    writer = Writer(lambda _: None, Costs())
    checkpointer = checkpointer_of(tmp_path, writer, Costs())
    snapshots = []
    for epoch in range(3):
        snapshots.append(checkpointer.capture(Position(epoch=epoch), [], seconds=0))
        if epoch == 0:
            checkpointer.store(snapshots[0])
            assert writer.flush(10)
    writer.close()
    first, second, third = (snapshot.arrays["model/0"] for snapshot in snapshots)
    assert np.shares_memory(first, second)
    assert not np.shares_memory(second, third)  # it is not known to be written
