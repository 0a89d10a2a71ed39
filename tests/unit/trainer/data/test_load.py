import gzip
import io
import pickle
import struct
import tracemalloc
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from epochal_api.storage import Data
from epochal_api.trainingjob.training import Training
from epochal_trainer.data.load import load
from epochal_trainer.data.memory import MemoryBudget
from epochal_trainer.data.network_arrays import NetworkArrays
from epochal_trainer.data.training_data import TrainingData
from epochal_trainer.storage import FolderBucket

from tests.unit.trainer.expect import expect_failure

X = np.arange(20 * 3 * 3, dtype="u1").reshape(20, 3, 3)
Y = np.arange(20, dtype="u1") % 10
Load = Callable[..., TrainingData]
TRAINING = Training.model_validate({"loss": "SparseCategoricalCrossentropy", "seed": 7})


@pytest.fixture
def bucket(tmp_path: Path) -> FolderBucket:
    (tmp_path / "bucket").mkdir()
    (tmp_path / "scratch").mkdir()
    return FolderBucket(tmp_path / "bucket")


@pytest.fixture
def read(bucket: FolderBucket, tmp_path: Path) -> Load:
    def call(memory: int | None = 10**6, **data: Any) -> TrainingData:
        spec = Data.model_validate({"bucket": "any", **data})
        try:
            return load(spec, bucket, tmp_path / "scratch", MemoryBudget(memory), training=TRAINING)
        finally:
            assert not list((tmp_path / "scratch").iterdir())

    return call


def idx(array: Any) -> bytes:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + bytes(array.tobytes())


def npz(path: Path, **named: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    np.savez(path, **named)


def test_each_object_is_downloaded_once(bucket: FolderBucket, read: Load) -> None:
    npz(bucket.root / "sets/all.npz", x_train=X, y_train=Y, x_test=X[:5], y_test=Y[:5])
    bucket.put("sets/images", idx(X[:4]))
    bucket.put("sets/labels", gzip.compress(idx(Y[:4])))
    found = read(
        prefix="sets/",
        train={"object": "all.npz"},
        validation={"features": "images", "labels": "labels"},
        test={"object": "all.npz"},
    )
    assert (len(found.train), found.validation and len(found.validation), found.test and len(found.test)) == (20, 4, 5)
    np.testing.assert_array_equal(found.train.features, X)
    assert found.digests == {
        f"sets/{name}": sha256((bucket.root / "sets" / name).read_bytes()).hexdigest()
        for name in ("all.npz", "images", "labels")
    }


def test_missing_object_fails_before_any_download(bucket: FolderBucket, read: Load) -> None:
    bucket.put("train.pkl", b"damaged")
    bucket.put("tests.npz", b"damaged")
    with expect_failure("ObjectNotFound", r"test.npz does not exist; did you mean tests.npz"):
        read(train={"object": "train.pkl"}, test={"object": "test.npz"})


@pytest.mark.parametrize(
    ("x", "y", "reason", "message"),
    [
        (X, Y[:19], "LengthMismatch", r"train.npz\[x\] holds 20 samples and train.npz\[y\] 19"),
        (X[:0], Y[:0], "EmptyData", r"train.npz\[x\] is empty, 0×3×3 uint8"),
        (X[:, :0], Y, "EmptyData", r"20×0×3"),
        (np.float32(1), Y, "ShapeMismatch", r"train.npz\[x\] is a single value"),
        (np.where(X == 100, np.nan, X), Y, "NonFiniteData", r"train.npz\[x\] holds nan at \[11, 0, 1\]"),
        (X, np.where(Y == 9, np.inf, Y), "NonFiniteData", r"train.npz\[y\] holds inf at \[9\]"),
    ],
)
def test_invalid_arrays(bucket: FolderBucket, read: Load, *, x: Any, y: Any, reason: str, message: str) -> None:
    npz(bucket.root / "train.npz", x=x, y=y)
    with expect_failure(reason, message):
        read(train={"object": "train.npz"})


@pytest.mark.parametrize(
    ("weights", "reason", "message"),
    [
        (np.ones(19), "LengthMismatch", r"train.npz\[sample_weight\] is 19, but train.npz\[y\] holds 20 samples"),
        (np.float32(1), "LengthMismatch", r"is a single value, but .*there must be one weight for each"),
        (np.where(Y == 9, np.nan, Y), "NonFiniteData", r"train.npz\[sample_weight\] holds nan at \[9\]"),
    ],
)
def test_invalid_sample_weights(bucket: FolderBucket, read: Load, weights: Any, reason: str, message: str) -> None:
    npz(bucket.root / "train.npz", x=X, y=Y, sample_weight=weights)
    with expect_failure(reason, message):
        read(train={"object": "train.npz"})


def test_unread_arrays(bucket: FolderBucket, read: Load) -> None:
    npz(bucket.root / "all.npz", x_train=X, y_train=Y, x_test=X[:5], y_test=Y[:5])
    npz(bucket.root / "other.npz", x=X, y=Y)
    with expect_failure("UnreadArrays", r"all.npz holds x_test, y_test, which no part of this job reads"):
        read(train={"object": "all.npz"}, validation={"split": "0.2"})
    found = read(train={"object": "other.npz"}, test={"object": "all.npz"})
    assert found.test is not None
    assert len(found.test) == 5


def test_first_non_finite_value_of_a_large_array(bucket: FolderBucket, read: Load) -> None:
    x = np.zeros((3000, 1000), "f4")
    x[2500, 7] = -np.inf
    x[2999, 0] = np.nan
    npz(bucket.root / "train.npz", x=x, y=np.zeros(3000))
    with expect_failure("NonFiniteData", r"holds -inf at \[2500, 7\]"):
        read(None, train={"object": "train.npz"})


def test_idx_needs_two_objects(bucket: FolderBucket, read: Load) -> None:
    bucket.put("images", idx(X))
    with expect_failure("MissingArrays", r"set two objects in spec.data.train: features and labels"):
        read(train={"object": "images"})


def test_separate_features_must_be_idx(bucket: FolderBucket, read: Load) -> None:
    bucket.put("both.pkl", pickle.dumps((X, Y)))
    bucket.put("labels", idx(Y))
    with expect_failure("UnknownFormat", r"both.pkl is pickle, .*must be idx: use spec.data.train.object"):
        read(train={"features": "both.pkl", "labels": "labels"})


def test_memory_budget_covers_all_data_sets(bucket: FolderBucket, read: Load) -> None:
    npz(bucket.root / "train.npz", x=X, y=Y)
    npz(bucket.root / "test.npz", x=X + 1, y=Y)
    read(200, train={"object": "train.npz"})
    with expect_failure("DataTooLarge", r"test.npz\[x\] takes 180 bytes in memory, but only 50 are left"):
        read(250, train={"object": "train.npz"}, test={"object": "test.npz"})


def test_split_takes_the_last_part(bucket: FolderBucket, read: Load) -> None:
    npz(bucket.root / "train.npz", x=X, y=Y)
    found = read(train={"object": "train.npz"}, validation={"split": "0.166"})
    assert found.validation is not None
    np.testing.assert_array_equal(found.train.features, X[:16])
    np.testing.assert_array_equal(found.validation.features, X[16:])
    np.testing.assert_array_equal(found.validation.labels, Y[16:])
    assert found.split_parameters == {}


def test_split_divides_weights(bucket: FolderBucket, read: Load) -> None:
    npz(bucket.root / "train.npz", x=X, y=Y, sample_weight=Y * 2.0)
    found = read(train={"object": "train.npz"}, validation={"split": "0.5", "stratify": True}, shuffle=True)
    assert found.split_parameters == {"shuffle": True, "stratify": True, "seed": 7}
    for samples in (found.train, found.validation):
        assert samples is not None
        assert samples.weights is not None
        assert sorted(samples.labels) == list(range(10))
        np.testing.assert_array_equal(samples.weights, samples.labels * 2.0)
        np.testing.assert_array_equal(samples.features[:, 0, 0] // 9 % 10, samples.labels)


def test_shuffle_applies_to_a_split_only(bucket: FolderBucket, read: Load) -> None:
    npz(bucket.root / "train.npz", x_train=X, y_train=Y, x_val=X + 1, y_val=Y)
    found = read(train={"object": "train.npz"}, validation={"object": "train.npz"}, shuffle=True)
    assert found.split_parameters is None
    assert found.validation is not None
    for samples, features in ((found.train, X), (found.validation, X + 1)):
        np.testing.assert_array_equal(samples.features, features)


@pytest.mark.parametrize("others", [("validation",), ("test",), ("validation", "test")], ids=str)
@pytest.mark.parametrize(
    ("spec", "source"),
    [
        ({"object": "x and y.npz"}, r"x and y.npz\[x\]"),
        ({"object": "pickle"}, r"pickle\[0\]"),
        ({"features": "damaged", "labels": "labels"}, "damaged"),
    ],
)
def test_data_sets_from_the_same_arrays_fail_before_the_read(
    bucket: FolderBucket, read: Load, spec: dict[str, str], source: str, others: tuple[str, ...]
) -> None:
    npz(bucket.root / "x and y.npz", x=X, y=Y)
    bucket.put("pickle", pickle.dumps((X, Y)))
    for key in ("damaged", "labels", "others"):
        bucket.put(key, b"damaged")
    other_spec = {**spec, "labels": "others"} if "labels" in spec else spec
    found = f"^{source} holds the samples of spec.data.train and of spec.data.{others[0]}: "
    with expect_failure("DuplicateData", found):
        read(250, train=spec, **dict.fromkeys(others, other_spec))


def saved(**named: Any) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **named)
    return file.getvalue()


BOTH = saved(x_train=X, y_train=Y, x_val=X, y_val=Y)


@pytest.mark.parametrize(
    ("train", "validation"),
    [
        (("a.npz", saved(x=X, y=Y)), ("b.npz", saved(x=X, y=Y))),
        (("a.npz", saved(x=X, y=Y)), ("b.npz.gz", gzip.compress(saved(features=X, labels=Y[:, None])))),
        (("a.npz", saved(x=X, y=Y)), ("b.pkl", pickle.dumps((X.astype("f4"), Y.astype("i8"))))),
        (("all.npz", BOTH), ("all.npz", BOTH)),
    ],
    ids=["another key", "compressed, with labels as a column", "another format", "other names"],
)
def test_data_sets_with_copied_samples(
    bucket: FolderBucket, read: Load, train: tuple[str, bytes], validation: tuple[str, bytes]
) -> None:
    for key, content in (train, validation):
        bucket.put(key, content)
    with expect_failure("DuplicateData", f"^{train[0]}.* of spec.data.train and {validation[0]}.* hold the same"):
        read(train={"object": train[0]}, validation={"object": validation[0]})


def test_data_sets_that_differ_in_one_value(bucket: FolderBucket, read: Load) -> None:
    last = X.copy()
    last[-1, -1, -1] += 1
    npz(bucket.root / "all.npz", x_train=X, y_train=Y, x_val=last, y_val=Y, x_test=X, y_test=Y[::-1])
    found = read(**{role: {"object": "all.npz"} for role in ("train", "validation", "test")})
    assert found.validation is not None
    np.testing.assert_array_equal(found.validation.features, last)


def test_shuffle_keeps_no_copy_in_memory(bucket: FolderBucket, read: Load) -> None:
    x = np.zeros((4000, 1000), "u1")
    npz(bucket.root / "train.npz", x=x, y=np.zeros(4000, "u1"))
    tracemalloc.start()
    try:
        found = read(None, train={"object": "train.npz"}, validation={"split": "0.2"}, shuffle=True)
        left, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.train.features.shape == (3200, 1000)
    assert left < 1.1 * x.nbytes
    assert peak < 2.2 * x.nbytes


SEVERAL = NetworkArrays(("a", "b"), ("c", "d"))
TEXT = NetworkArrays(("input",), ("output",), frozenset({"input"}))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            SEVERAL,
            r"the network has 2 inputs and 2 outputs: save .* numpy.savez\(\"train.npz\", \*\*\{'a': …, 'b': …, ",
        ),
        (TEXT, r'the input has dtype: string, which only npz can hold: save .* numpy.savez\("train.npz", x=TEXTS, y='),
    ],
    ids=["several", "text"],
)
def test_formats_without_names_of_arrays(
    bucket: FolderBucket, tmp_path: Path, network: NetworkArrays, message: str
) -> None:
    bucket.put("images", idx(X))
    bucket.put("labels", idx(Y))
    bucket.put("a.pkl", pickle.dumps((X, Y)))
    bucket.put("b.pkl", pickle.dumps((X[::2], Y[::2])))

    def read(train: dict[str, str]) -> None:
        spec = Data.model_validate({"bucket": "any", "train": train, "test": {"object": "b.pkl"}})
        load(spec, bucket, tmp_path / "scratch", MemoryBudget(10**6), training=TRAINING, network=network)

    with expect_failure("MissingArrays", f"^spec.data.train has two objects, features and labels, but {message}", 65):
        read({"features": "images", "labels": "labels"})
    with expect_failure("MissingArrays", f"^a.pkl is pickle, whose arrays have no names, but {message}", 65):
        read({"object": "a.pkl"})


def test_several_arrays_are_checked_and_split_together(bucket: FolderBucket, tmp_path: Path) -> None:
    rows = np.arange(20)
    arrays = {"a": rows, "b": rows * 2.0, "c": rows % 5, "d": rows % 2}
    outputs = [{"name": "c", "loss": "SparseCategoricalCrossentropy"}, {"name": "d", "loss": "BinaryCrossentropy"}]
    training = Training.model_validate({"outputs": outputs, "seed": 3})

    def read(*, stratify: bool = True, test: dict[str, Any] | None = None, **changed: Any) -> TrainingData:
        npz(bucket.root / "all.npz", **{**arrays, **changed})
        npz(bucket.root / "test.npz", **{**arrays, **(test or {"b": rows * 3.0})})
        spec = Data.model_validate(
            {
                "bucket": "any",
                "train": {"object": "all.npz"},
                "test": {"object": "test.npz"},
                "validation": {"split": "0.25", "stratify": stratify},
            }
        )
        folder = tmp_path / "scratch"
        return load(spec, bucket, folder, MemoryBudget(10**6), training=training, network=SEVERAL)

    data = read()
    assert data.validation is not None
    held_out = data.validation.inputs["a"].values
    assert np.bincount(held_out % 5).tolist() == [1] * 5, "drawn from each class of the first output"
    for part in (data.train, data.validation):
        values = {name: array.values.tolist() for name, array in {**part.inputs, **part.outputs}.items()}
        assert values == {name: array[values["a"]].tolist() for name, array in arrays.items()}
    assert [data.validation.source_row(index) for index in range(5)] == held_out.tolist()

    read(c=rows / 7, stratify=False)
    stratify = "spec.data.validation.stratify: .*put an output with classes first in spec.network.outputs"
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"c": rows / 7}, "InvalidLabels", stratify),
        ({"d": rows[:19]}, "LengthMismatch", r"all.npz\[a\] holds 20 samples and all.npz\[d\] 19"),
        ({"b": np.full(20, np.nan)}, "NonFiniteData", r"all.npz\[b\] holds nan at \[0\]"),
        ({"sample_weight": rows[:3]}, "LengthMismatch", r"all.npz\[sample_weight\] is 3, but all.npz\[d\] holds 20"),
        (
            {"test": {"b": rows * 2}},
            "DuplicateData",
            r"all.npz\[a\] of spec.data.train and test.npz\[a\] .*a_train, b_t",
        ),
    ]
    for changed, reason, message in cases:
        with expect_failure(reason, message, 65):
            read(**changed)
