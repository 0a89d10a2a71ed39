import numpy as np
from epochal_trainer.data.duplicates import check_distinct_samples
from epochal_trainer.data.samples import Samples

from tests.unit.trainer.expect import expect_failure, expect_peak_memory


def test_duplicate_check_copies_no_fortran_array() -> None:
    labels = np.zeros(1000)
    zeros, ones = (np.full((1000, 50, 100), value, np.uint8, order="F") for value in (0, 1))
    train = Samples(zeros, labels, "x", "y")
    with expect_peak_memory(zeros.nbytes):
        check_distinct_samples({"train": train, "test": Samples(ones, labels, "a", "b")})
    with expect_failure("DuplicateData", r"spec\.data\.test"):
        check_distinct_samples({"train": train, "test": Samples(zeros.reshape(1000, 5000), labels, "a", "b")})
