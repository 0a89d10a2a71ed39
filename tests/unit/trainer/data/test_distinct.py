"""Whether data sets with the same samples are found, in little memory."""

import tracemalloc

import numpy as np
import pytest
from epochal_trainer.data.distinct import check_samples
from epochal_trainer.data.samples import Samples
from epochal_trainer.lib.failures import Failure


def test_arrays_in_the_order_of_fortran_are_not_copied() -> None:
    labels = np.zeros(1000)
    one, other = (np.full((1000, 50, 100), value, np.uint8, order="F") for value in (0, 1))
    train = Samples(one, labels, "x", "y")
    tracemalloc.start()
    check_samples({"train": train, "test": Samples(other, labels, "a", "b")})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < one.nbytes
    with pytest.raises(Failure, match=r"spec\.data\.test"):
        check_samples({"train": train, "test": Samples(one.reshape(1000, 5000), labels, "a", "b")})
