from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from epochal_api.data_summary import DataSummary, SetName
from epochal_trainer.data import equal_samples
from epochal_trainer.data.arrays import Array
from epochal_trainer.data.equal_samples import check_leakage, find_equal_samples
from epochal_trainer.data.samples import Samples, SourceArray
from epochal_trainer.data.summary import summarize
from epochal_trainer.data.training_data import TrainingData

from tests.unit.trainer.expect import expect_peak_memory


def samples(count: int = 400, seed: int = 0, shape: tuple[int, ...] = (5,), dtype: Any = np.float64) -> Samples:
    rng = np.random.default_rng(seed)
    return Samples.single((rng.random((count, *shape)) * 200).astype(dtype), rng.integers(0, 3, count), "x", "y")


def join(*parts: Samples) -> Samples:
    features, labels = (np.concatenate([getattr(part, name) for part in parts]) for name in ("features", "labels"))
    return Samples.single(features, labels, "x", "y")


def summary(train: Samples, validation: Samples | None = None, test: Samples | None = None) -> DataSummary:
    return summarize(TrainingData(train, validation, test, {}), {})[0]


def found(train: Samples, test: Samples) -> tuple[int, int]:
    (shared,) = find_equal_samples({"train": train, "test": test})[1]
    return shared.found, shared.checked


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5,), (3, 7), (40, 40, 3)])
def test_shared_samples(dtype: Any, shape: tuple[int, ...]) -> None:
    train = samples(300, shape=shape, dtype=dtype)
    test = join(samples(80, 1, shape, dtype), train.subset(slice(10, 22)))
    assert found(train, test) == (12, 92)


def test_small_numbers_as_floats_are_told_apart() -> None:
    grid = np.stack(np.meshgrid(*[np.arange(32.0)] * 4), axis=-1).reshape(-1, 4)
    labels = np.zeros(len(grid))
    repeated, _ = find_equal_samples({"train": Samples.single(grid, labels, "x", "y")})
    assert repeated["train"].checked > 32**4 // 20
    assert repeated["train"].found == 0


def double_pixels(images: Array) -> Array:
    return images.repeat(2, 1).repeat(2, 2)


def copy_channel(samples: Array) -> Array:
    return samples[..., None].repeat(2, -1)


@pytest.mark.parametrize(
    ("values", "shape", "repeat"),
    [
        (np.arange(256), (8, 8), double_pixels),
        (np.arange(2), (8, 8), double_pixels),
        (np.arange(2), (16, 16), copy_channel),
        (np.arange(-(2**15), 2**15) / 2**15, (64,), copy_channel),
    ],
    ids=["grey images", "black-white images", "masks", "16-bit mono audio as stereo"],
)
def test_repeated_values_are_told_apart(
    values: Array, shape: tuple[int, ...], repeat: Callable[[Array], Array]
) -> None:
    found = values.astype(np.float32)[np.random.default_rng(0).integers(0, len(values), (40_000, *shape))]
    parts = np.split(found, 2)
    for part, first in zip(parts, values[:2], strict=True):
        part.reshape(len(part), -1)[:, 0] = first  # so that the sets share no sample
    train, test = (Samples.single(repeat(part), np.zeros(len(part)), "x", "y") for part in parts)
    repeated, (shared,) = find_equal_samples({"train": train, "test": test})
    assert (repeated["train"].found, repeated["test"].found, shared.found) == (0, 0, 0)


def test_a_sample_with_another_label_differs() -> None:
    train = samples()
    assert found(train, train.with_labels((train.labels + 1) % 3)) == (0, 400)


@pytest.mark.parametrize(("first", "second"), [(np.float32, np.float64), (np.uint8, np.float32), (np.int64, np.uint8)])
def test_equal_values_of_different_types(first: Any, second: Any) -> None:
    train, test = samples(dtype=first), samples(dtype=first)
    test = test.with_features(np.asfortranarray(test.features.astype(second))).with_labels(test.labels.astype(float))
    assert found(train, test) == (400, 400)


def test_repeated_samples() -> None:
    train = samples()
    train = join(train, train.subset(slice(0, 3)), train.subset(slice(0, 1)))
    repeated, _ = find_equal_samples({"train": train})
    assert (repeated["train"].checked, repeated["train"].found) == (404, 7)


def test_sampled_digests_of_large_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equal_samples, "MAX_DIGESTS", 1000)
    train = samples(10_000)
    test = join(samples(2000, 1), train.subset(slice(0, 2000)))
    repeated, (shared,) = find_equal_samples({"train": train, "test": test})
    assert 500 < repeated["train"].checked <= 1000
    assert 150 < shared.checked < 500
    assert 0.4 < shared.found / shared.checked < 0.6
    (warning,) = check_leakage(summary(train, test=test))
    assert "that were checked" in warning.message


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equal_samples, "MAX_DIGESTS", 1000)
    monkeypatch.setattr(equal_samples, "_BLOCK_WORDS", 10_000)
    train = samples(200_000, dtype=np.float32)
    with expect_peak_memory(1_000_000):
        find_equal_samples({"train": train})


def test_leakage() -> None:
    train = samples()
    validation = join(samples(90, 1), train.subset(slice(0, 10)))
    test = join(samples(180, 2), validation.subset(slice(80, 100)))
    (warning,) = check_leakage(summary(join(train, train.subset(slice(0, 2))), validation, test))
    assert warning.reason == "Leakage"
    for part in (
        "10.0% of the validation samples (10 of 100) are also in the training part",
        "5.0% of the test samples (10 of 200) are also in the training part",
        "10.0% of the test samples (20 of 200) are also in the validation part",
        "1.0% of the training samples occur several times",
    ):
        assert part in warning.message


@pytest.mark.parametrize(("shared", "warns"), [(0, False), (1, False), (2, False), (5, True)])
def test_few_equal_samples_are_normal(shared: int, *, warns: bool) -> None:
    train = samples()
    test = join(samples(400 - shared, 1), train.subset(slice(0, shared)))
    assert bool(list(check_leakage(summary(train, test=test)))) == warns


def test_a_pair_of_equal_samples_in_a_small_table() -> None:
    train = samples(120)
    assert list(check_leakage(summary(train, test=join(samples(29, 1), train.subset(slice(0, 1)))))) == []


@pytest.mark.parametrize("name", ["validation", "test"])
def test_pairs(name: SetName) -> None:
    sets: dict[SetName, Samples] = {"train": samples(), name: samples(10, 1)}
    assert [(each.set, each.other) for each in find_equal_samples(sets)[1]] == [(name, "train")]


def test_samples_are_equal_in_all_inputs_and_outputs() -> None:
    rows = np.arange(100)
    texts = np.array([f"text {row} ä" for row in rows])

    def several(note: Any = texts, second: Any = rows % 7) -> Samples:
        inputs = {"a": SourceArray(rows, "a"), "note": SourceArray(note, "note")}
        return Samples(inputs, {"c": SourceArray(rows % 3, "c"), "d": SourceArray(second, "d")})

    def shared(test: Samples) -> int:
        return find_equal_samples({"train": several(), "test": test})[1][0].found

    assert shared(several()) == 100
    assert shared(several(note=np.char.encode(texts, "utf-8"))) == 100, "bytes and characters of the same texts"
    assert shared(several(note=texts[::-1])) == 0
    assert shared(several(second=(rows % 7) + (rows < 10))) == 90
