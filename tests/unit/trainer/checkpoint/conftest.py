from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from epochal_trainer.checkpoint import Position, Snapshot, random_state
from epochal_trainer.checkpoint.files import FileCopy
from epochal_trainer.checkpoint.state import CallbackState, State, VariableState
from epochal_trainer.reporting.history import Epoch

from tests.unit.trainer.checkpoint.starts import FACTS

Make = Callable[..., Snapshot]


@pytest.fixture
def make() -> Make:
    """Return a function that makes a checkpoint without a training."""

    def snapshot(
        epoch: int = 1,
        *,
        step: int = 0,
        attempt: int = 1,
        weights: Sequence[Any] = (np.arange(6, dtype="float32").reshape(2, 3),),
        files: dict[str, FileCopy] | None = None,
        **state: Any,
    ) -> Snapshot:
        arrays = {f"model/{index}": np.asarray(value) for index, value in enumerate(weights)}
        variables = [
            VariableState(path=f"dense/{index}", shape=array.shape, dtype=array.dtype.name)
            for index, array in enumerate(arrays.values())
        ]
        arrays["callbacks/0/best"] = np.array(0.5, "float32")
        history = [Epoch(number + 1, 1.5, None, {"loss": 0.5}) for number in range(epoch)]
        described = State(
            **{
                "attempt": attempt,
                "time": datetime(2026, 11, 25, tzinfo=UTC),
                "position": Position(epoch=epoch, step=step, begun=step > 0),
                "seconds": 0.25,
                "stop_training": False,
                "history": history,
                "facts": FACTS.model_copy(update={"data": {}}),
                "variables": {"model": variables, "optimizer": [], "metrics": [], "random": []},
                "callbacks": [
                    CallbackState(callback="EarlyStopping", state={"wait": 2, "best": {"scalar": "callbacks/0/best"}})
                ],
                "random": random_state.state(arrays),
                **state,
            }
        )
        return Snapshot(described, arrays, files or {})

    return snapshot
