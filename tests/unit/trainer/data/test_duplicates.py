import numpy as np
from epochal_trainer.data.arrays import Array
from epochal_trainer.data.duplicates import check_distinct_samples
from epochal_trainer.data.network_arrays import SINGLE, NetworkArrays
from epochal_trainer.data.samples import Samples, SourceArray

from tests.unit.trainer.expect import expect_failure, expect_peak_memory

SEVERAL = NetworkArrays(("a", "note"), ("c", "d"), frozenset({"note"}))


def test_duplicate_check_copies_no_fortran_array() -> None:
    labels = np.zeros(1000)
    zeros, ones = (np.full((1000, 50, 100), value, np.uint8, order="F") for value in (0, 1))
    train = Samples.single(zeros, labels, "x", "y")
    with expect_peak_memory(zeros.nbytes):
        check_distinct_samples({"train": train, "test": Samples.single(ones, labels, "a", "b")}, SINGLE)
    with expect_failure("DuplicateData", r"spec\.data\.test"):
        check_distinct_samples(
            {"train": train, "test": Samples.single(zeros.reshape(1000, 5000), labels, "a", "b")}, SINGLE
        )


def test_samples_are_the_same_in_all_inputs_and_outputs() -> None:
    rows, texts = np.arange(4), np.array(["a", "b", "ä", ""])

    def several(notes: Array = texts, second: Array = rows) -> Samples:
        inputs = {"a": SourceArray(rows, "a"), "note": SourceArray(notes, "note")}
        return Samples(inputs, {"c": SourceArray(rows, "c"), "d": SourceArray(second, "d")})

    for same in (several(), several(np.char.encode(texts, "utf-8"))):
        with expect_failure("DuplicateData", r"a of spec\.data\.train and a of spec\.data\.test hold the same"):
            check_distinct_samples({"train": several(), "test": same}, SEVERAL)
    check_distinct_samples(
        {"train": several(), "validation": several(texts[::-1]), "test": several(second=rows + 1)}, SEVERAL
    )
