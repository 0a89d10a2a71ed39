import numpy as np
import pytest
from epochal_trainer.data import Samples


@pytest.mark.parametrize(("samples", "batch_size", "steps"), [(10, 5, 2), (11, 5, 3), (3, 5, 1)])
def test_steps_of_an_epoch(samples: int, batch_size: int, steps: int) -> None:
    dataset = Samples(np.zeros(samples), np.zeros(samples), "features", "labels")
    order = dataset.order(batch_size=batch_size, seed=7)
    assert (order.samples, order.batch_size, order.seed, order.steps) == (samples, batch_size, 7, steps)
