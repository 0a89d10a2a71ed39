"""The batches of epochs that are shorter or longer than a pass through the data."""

from itertools import chain

import numpy as np
import pytest
from epochal_trainer.checkpoint import Position
from epochal_trainer.data.samples import Samples
from epochal_trainer.training.fit import batches_from

DATA = Samples.single(np.arange(10), np.arange(10), "features", "labels")
EPOCHS = 3


@pytest.mark.parametrize("steps", [None, 1, 2, 4, 7])
def test_each_epoch_takes_the_next_batches(steps: int | None) -> None:
    order = DATA.order(batch_size=4, seed=1, steps=steps)
    batches = DATA.shuffled_batches(order)
    passes = [features.tolist() for features, _ in batches.from_step(0, 0, until_pass=10).as_numpy_iterator()]
    assert sorted(chain.from_iterable(passes[:3])) == list(range(10))
    for epoch in range(EPOCHS):
        for step in {0, order.steps // 2, order.steps - 1}:
            position = Position(epoch=epoch, step=step, begun=True)
            found = batches_from(batches, order, position, until=EPOCHS).as_numpy_iterator()
            wanted = passes[epoch * order.steps + step : EPOCHS * order.steps]
            for expected, (features, _) in zip(wanted, found, strict=False):
                assert features.tolist() == expected
            assert len(list(found)) < 3  # at most the rest of the last pass
