import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from epochal_api.trainingjob.report import TrainingWarning
from epochal_trainer.reporting.history import Epoch
from epochal_trainer.training.chance import check_better_than_chance

SPARSE, BINARY = "SparseCategoricalCrossentropy", "BinaryCrossentropy"
TEN = np.full(10, 100)
RARE = np.array([950, 50])
LN_10, ENTROPY = math.log(10), -(0.95 * math.log(0.95) + 0.05 * math.log(0.05))


Check = Callable[[list[Epoch]], Iterator[TrainingWarning]]


def chance(counts: Any = TEN, *, epochs: int = 20, steps: int = 100, loss: str = SPARSE) -> Check:
    return partial(check_better_than_chance, counts, loss, epochs=epochs, steps=steps)


def history(*losses: float) -> list[Epoch]:
    return [Epoch(number, 1.0, 0.01, {"loss": loss}) for number, loss in enumerate(losses, start=1)]


@pytest.mark.parametrize(
    ("losses", "check", "warns"),
    [
        ([2.31, 2.303, 2.3026], chance(), True),
        ([14.2, 2.304, 2.301], chance(), True),
        ([2.303, 2.303], chance(), False),
        ([2.303, 2.303, 2.25], chance(), False),
        ([2.303, 1.2, 2.303], chance(), False),
        ([2.303, 2.303, 2.303, 0.1], chance(), True),
        ([2.31, 2.1, 0.4, 2.303, 2.303], chance(), False),
        ([math.nan] * 3, chance(), False),
        ([2.303], chance(epochs=1), True),
        ([2.303, 2.303], chance(epochs=2), True),
        ([2.303], chance(epochs=1, steps=99), False),
        ([2.303] * 9, chance(steps=10), False),
        ([2.303] * 10, chance(steps=10), True),
        ([2.0, 2.0, *[2.303] * 8], chance(steps=10), True),
        ([ENTROPY] * 3, chance(RARE), True),
        ([math.log(2)] * 3, chance(RARE, loss=BINARY), True),
        ([0.4] * 3, chance(RARE), False),
        ([0.0] * 3, chance(np.array([5, 0])), False),
    ],
)
def test_chance_level(losses: list[float], check: Check, *, warns: bool) -> None:
    warnings = list(check(history(*losses)))
    assert [warning.reason for warning in warnings] == (["ChanceLevel"] if warns else [])
    assert warnings == list(check(history(*losses, 0.01))) or not warns, "later epochs must not change the result"


@pytest.mark.parametrize(("loss", "warns"), [(1.012, False), (1.009, True), (0.991, True), (0.988, False)])
def test_tolerance(loss: float, *, warns: bool) -> None:
    assert bool(list(chance()(history(*[loss * LN_10] * 3)))) == warns


def test_message() -> None:
    (uniform,) = chance()(history(2.31, 2.303, 2.3026))
    assert uniform.message.startswith(
        "the loss is 2.303 after epoch 3, as for a random guess among 10 classes (ln 10 = "
    )
    (by_share,) = chance(RARE)(history(*[ENTROPY] * 3))
    assert by_share.message.startswith("the loss is 0.1985 after epoch 3, as for the same output for every sample")


@pytest.mark.parametrize(
    ("counts", "loss"), [(None, SPARSE), (TEN, "mse"), (TEN, "CategoricalFocalCrossentropy"), (np.array([5]), SPARSE)]
)
def test_unknown_loss_of_guessing(counts: Any, loss: str) -> None:
    assert list(chance(counts, loss=loss, epochs=3)(history(2.303, 2.303, 2.303))) == []


def test_epochs_without_a_loss() -> None:
    assert list(chance()([Epoch(number, 1.0, None, {}) for number in (1, 2, 3)])) == []
