import gc
import threading
import weakref
from pathlib import Path
from typing import Any

import keras
import pytest
from epochal_api.training import Checkpoint
from epochal_trainer.checkpoint import Checkpointer, Facts, Files, Position, Snapshot, Writer

# Keras 3.15 under numpy 2.4: https://numpy.org/devdocs/numpy_2_0_migration_guide.html
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def test_memory_holds_the_checkpoint_that_is_written_and_one_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer="Adam", loss="mse")
    writing, go_on = threading.Event(), threading.Event()
    written: list[int] = []

    def write(snapshot: Snapshot) -> None:
        writing.set()
        go_on.wait(10)
        written.append(snapshot.state.position.epoch)

    writer = Writer(write)
    checkpointer = Checkpointer(
        Checkpoint(),
        model=model,
        callbacks=[],
        files=Files(tmp_path, [], tmp_path / "staging"),
        writer=writer,
        facts=Facts(samples=1, batch_size=1, steps=1, seed=0, optimizer={}, data={}),
        attempt=1,
        versions={},
    )
    there: list[weakref.ref[Snapshot]] = []
    at_once: list[int] = []
    copy = Snapshot.of

    def counted(*args: Any, **more: Any) -> Snapshot:
        gc.collect()
        at_once.append(sum(snapshot() is not None for snapshot in there) + 1)
        taken = copy(*args, **more)
        there.append(weakref.ref(taken))
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
