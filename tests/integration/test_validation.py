"""Validation belongs to a training that may be stopped at any moment, and costs no copy of its state."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from epochal_trainer.checkpoint import Checkpointer, Position, Snapshot, Store
from epochal_trainer.lib.signals import TerminationRequest
from epochal_trainer.storage import FolderBucket

from .conftest import terminated
from .test_resume import CALLBACKS, DENSE, STEPS, SWAP, EpochRecorder, SignalAt, assert_same, run

BEFORE = Position(epoch=1, step=STEPS, begun=True)
BOARD = {"callback": "TensorBoard", "update_freq": 2}
EMA = {"name": "Adam", "use_ema": True}


def test_the_state_is_copied_only_when_a_checkpoint_is_due(tmp_path: Path) -> None:
    trained = run(tmp_path, layers=DENSE, kind=EpochRecorder, checkpoint={"everyEpochs": 2})
    assert [snapshot.state.position for snapshot in trained.taken] == [Position(epoch=2), Position(epoch=3)]


def test_a_checkpoint_that_is_due_is_taken_before_validation(tmp_path: Path) -> None:
    class AtValidation(Checkpointer):
        """Is due for a checkpoint after the last step of the epoch."""

        def due_within(self) -> bool:
            return bool(self.model.optimizer.iterations == 2 * STEPS)

    written: list[Snapshot] = []
    run(tmp_path, layers=DENSE, kind=AtValidation, written=written, epochs=2, checkpoint={"everyEpochs": 9})
    assert BEFORE in [snapshot.state.position for snapshot in written]


@pytest.mark.parametrize(
    "fields",
    [
        {"layers": DENSE, "callbacks": [BOARD, *CALLBACKS[2:]]},
        {"layers": DENSE, "optimizer": EMA, "callbacks": [SWAP, *CALLBACKS[2:]]},
        {"layers": DENSE, "optimizer": EMA, "callbacks": [{"callback": "SwapEMAWeights"}, *CALLBACKS[2:]]},
    ],
    ids=["TensorBoard", "averaged weights", "averaged weights for validation alone"],
)
def test_sigterm_during_validation_stores_the_state_before_it(tmp_path: Path, fields: dict[str, Any]) -> None:
    whole = run(tmp_path / "whole", **fields)
    termination_request, signal_callback, written = TerminationRequest(), SignalAt(test=0), list[Snapshot]()
    with terminated(termination_request):
        run(
            tmp_path / "signal_callback",
            kind=Checkpointer,
            termination_request=termination_request,
            written=written,
            extra=[signal_callback],
            **fields,
        )
    assert written[-1].state.position == BEFORE
    taken = whole.at(BEFORE)
    assert set(written[-1].arrays) == set(taken.arrays)
    for name, array in taken.arrays.items():
        np.testing.assert_array_equal(written[-1].arrays[name], array, err_msg=name)
    assert written[-1].state.callbacks[: len(taken.state.callbacks)] == taken.state.callbacks
    assert written[-1].state.random == taken.state.random
    store = Store(FolderBucket(tmp_path), "job", tmp_path / "scratch")
    store.write(written[-1])
    assert_same(run(tmp_path / "resumed", start=store.newest(), **fields), whole)
