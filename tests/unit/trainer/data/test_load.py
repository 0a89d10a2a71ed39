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
from epochal_trainer.data.memory import Memory
from epochal_trainer.data.samples import DataSets
from epochal_trainer.lib.failures import Failure
from epochal_trainer.storage import FolderBucket

X = np.arange(20 * 3 * 3, dtype="u1").reshape(20, 3, 3)
Y = np.arange(20, dtype="u1") % 10
Load = Callable[..., DataSets]
TRAINING = Training.model_validate({"loss": "SparseCategoricalCrossentropy", "seed": 7})


@pytest.fixture
def bucket(tmp_path: Path) -> FolderBucket:
    (tmp_path / "bucket").mkdir()
    (tmp_path / "scratch").mkdir()
    return FolderBucket(tmp_path / "bucket")


@pytest.fixture
def read(bucket: FolderBucket, tmp_path: Path) -> Load:
    def call(**data: Any) -> DataSets:
        described = Data.model_validate({"bucket": "any", **data})
        found = load(described, bucket, tmp_path / "scratch", Memory(10**6), training=TRAINING)
        assert not list((tmp_path / "scratch").iterdir())
        return found

    return call


def idx(array: Any) -> bytes:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + bytes(array.tobytes())


def npz(path: Path, **named: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    np.savez(path, **named)


def test_reads_every_set_and_every_object_once(bucket: FolderBucket, read: Load) -> None:
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


def test_a_missing_object_is_found_before_anything_is_read(bucket: FolderBucket, read: Load) -> None:
    bucket.put("train.pkl", b"damaged")
    bucket.put("tests.npz", b"damaged")
    with pytest.raises(Failure, match=r"test.npz does not exist; did you mean tests.npz") as caught:
        read(train={"object": "train.pkl"}, test={"object": "test.npz"})
    assert caught.value.reason == "ObjectNotFound"


@pytest.mark.parametrize(
    ("x", "y", "reason", "message"),
    [
        (X, Y[:19], "LengthMismatch", r"train.npz\[x\] holds 20 samples and train.npz\[y\] 19"),
        (X[:0], Y[:0], "EmptyData", r"train.npz\[x\] is 0×3×3 uint8"),
        (X[:, :0], Y, "EmptyData", r"20×0×3"),
        (np.float32(1), Y, "ShapeMismatch", r"train.npz\[x\] is a single value"),
        (np.where(X == 100, np.nan, X), Y, "NonFiniteData", r"train.npz\[x\] holds nan at \[11, 0, 1\]"),
        (X, np.where(Y == 9, np.inf, Y), "NonFiniteData", r"train.npz\[y\] holds inf at \[9\]"),
    ],
)
def test_arrays_that_cannot_be_trained_on(
    bucket: FolderBucket, read: Load, *, x: Any, y: Any, reason: str, message: str
) -> None:
    npz(bucket.root / "train.npz", x=x, y=y)
    with pytest.raises(Failure, match=message) as caught:
        read(train={"object": "train.npz"})
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("weights", "reason", "message"),
    [
        (np.ones(19), "LengthMismatch", r"train.npz\[sample_weight\] is 19, and train.npz\[y\] holds 20 samples"),
        (np.float32(1), "LengthMismatch", r"is a single value, and .*there must be a weight for each"),
        (np.where(Y == 9, np.nan, Y), "NonFiniteData", r"train.npz\[sample_weight\] holds nan at \[9\]"),
    ],
)
def test_weights_are_one_for_each_sample(
    bucket: FolderBucket, read: Load, weights: Any, reason: str, message: str
) -> None:
    npz(bucket.root / "train.npz", x=X, y=Y, sample_weight=weights)
    with pytest.raises(Failure, match=message) as caught:
        read(train={"object": "train.npz"})
    assert caught.value.reason == reason


def test_arrays_that_no_part_of_the_job_reads(bucket: FolderBucket, read: Load) -> None:
    npz(bucket.root / "all.npz", x_train=X, y_train=Y, x_test=X[:5], y_test=Y[:5])
    npz(bucket.root / "other.npz", x=X, y=Y)
    with pytest.raises(Failure, match=r"all.npz holds x_test, y_test, which no part of this job reads") as caught:
        read(train={"object": "all.npz"}, validation={"split": "0.2"})
    assert caught.value.reason == "UnreadArrays"
    found = read(train={"object": "other.npz"}, test={"object": "all.npz"})
    assert found.test is not None
    assert len(found.test) == 5


def test_the_first_value_that_is_not_finite_is_found_in_large_arrays(bucket: FolderBucket, tmp_path: Path) -> None:
    x = np.zeros((3000, 1000), "f4")
    x[2500, 7] = -np.inf
    x[2999, 0] = np.nan
    npz(bucket.root / "train.npz", x=x, y=np.zeros(3000))
    data = Data.model_validate({"bucket": "any", "train": {"object": "train.npz"}})
    with pytest.raises(Failure, match=r"holds -inf at \[2500, 7\]"):
        load(data, bucket, tmp_path / "scratch", training=TRAINING)


def test_one_idx_object_is_not_enough(bucket: FolderBucket, read: Load) -> None:
    bucket.put("images", idx(X))
    with pytest.raises(Failure, match=r"name two objects in spec.data.train, features and labels") as caught:
        read(train={"object": "images"})
    assert caught.value.reason == "MissingArrays"


def test_features_of_their_own_are_idx(bucket: FolderBucket, read: Load) -> None:
    bucket.put("both.pkl", pickle.dumps((X, Y)))
    bucket.put("labels", idx(Y))
    with pytest.raises(
        Failure, match=r"both.pkl is pickle, .*must be idx: name it as spec.data.train.object"
    ) as caught:
        read(train={"features": "both.pkl", "labels": "labels"})
    assert caught.value.reason == "UnknownFormat"


def test_all_sets_together_stay_within_the_budget(bucket: FolderBucket, tmp_path: Path) -> None:
    npz(bucket.root / "train.npz", x=X, y=Y)
    npz(bucket.root / "test.npz", x=X + 1, y=Y)
    one = {"bucket": "any", "train": {"object": "train.npz"}}
    two = {**one, "test": {"object": "test.npz"}}
    load(Data.model_validate(one), bucket, tmp_path / "scratch", Memory(200), training=TRAINING)
    with pytest.raises(Failure, match=r"test.npz\[x\] takes 180 bytes in memory, and only 50 are left") as caught:
        load(Data.model_validate(two), bucket, tmp_path / "scratch", Memory(250), training=TRAINING)
    assert caught.value.reason == "DataTooLarge"
    assert not list((tmp_path / "scratch").iterdir())


def test_a_split_is_the_last_part(bucket: FolderBucket, read: Load) -> None:
    npz(bucket.root / "train.npz", x=X, y=Y)
    found = read(train={"object": "train.npz"}, validation={"split": "0.166"})
    assert found.validation is not None
    np.testing.assert_array_equal(found.train.features, X[:16])
    np.testing.assert_array_equal(found.validation.features, X[16:])
    np.testing.assert_array_equal(found.validation.labels, Y[16:])
    assert found.division == {}


def test_weights_are_divided_along(bucket: FolderBucket, read: Load) -> None:
    npz(bucket.root / "train.npz", x=X, y=Y, sample_weight=Y * 2.0)
    found = read(train={"object": "train.npz"}, validation={"split": "0.5", "stratify": True}, shuffle=True)
    assert found.division == {"shuffle": True, "stratify": True, "seed": 7}
    for samples in (found.train, found.validation):
        assert samples is not None
        assert samples.weights is not None
        assert sorted(samples.labels) == list(range(10))
        np.testing.assert_array_equal(samples.weights, samples.labels * 2.0)
        np.testing.assert_array_equal(samples.features[:, 0, 0] // 9 % 10, samples.labels)


def test_only_a_split_is_drawn(bucket: FolderBucket, read: Load) -> None:
    npz(bucket.root / "train.npz", x_train=X, y_train=Y, x_val=X + 1, y_val=Y)
    found = read(train={"object": "train.npz"}, validation={"object": "train.npz"}, shuffle=True)
    assert found.division is None
    assert found.validation is not None
    for samples, features in ((found.train, X), (found.validation, X + 1)):
        np.testing.assert_array_equal(samples.features, features)


SAME = [("validation",), ("test",), ("validation", "test")]


@pytest.mark.parametrize("others", SAME, ids=str)
@pytest.mark.parametrize("form", ["x and y", "pickle", "idx"])
def test_the_same_arrays_are_no_two_data_sets(
    bucket: FolderBucket, read: Load, form: str, others: tuple[str, ...]
) -> None:
    npz(bucket.root / "x and y", x=X, y=Y)
    (bucket.root / "x and y.npz").rename(bucket.root / "x and y")
    bucket.put("pickle", pickle.dumps((X, Y)))
    bucket.put("idx", idx(X))
    bucket.put("labels", idx(Y))
    named = {"features": "idx", "labels": "labels"} if form == "idx" else {"object": form}
    source = {"x and y": "x and y[x]", "pickle": "pickle[0]", "idx": "idx"}[form]
    with pytest.raises(Failure) as caught:
        read(train=named, **dict.fromkeys(others, named))
    assert caught.value.reason == "DuplicateData"
    assert caught.value.message.startswith(
        f"{source} holds the samples of spec.data.train and of spec.data.{others[0]}: "
    )


def test_idx_features_that_are_named_twice_are_refused_before_anything_is_read(
    bucket: FolderBucket, read: Load
) -> None:
    bucket.put("images", b"damaged")
    bucket.put("labels", b"damaged")
    bucket.put("others", b"damaged")
    train, test = {"features": "images", "labels": "labels"}, {"features": "images", "labels": "others"}
    with pytest.raises(Failure, match=r"images holds the samples of spec.data.train and of spec.data.test") as caught:
        read(train=train, test=test)
    assert caught.value.reason == "DuplicateData"


def test_the_same_arrays_of_an_npz_are_refused_before_they_are_read(bucket: FolderBucket, tmp_path: Path) -> None:
    npz(bucket.root / "train.npz", x=X, y=Y)
    data = {"bucket": "any", "train": {"object": "train.npz"}, "test": {"object": "train.npz"}}
    with pytest.raises(Failure) as caught:
        load(Data.model_validate(data), bucket, tmp_path / "scratch", Memory(250), training=TRAINING)
    assert caught.value.reason == "DuplicateData"


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
def test_copies_are_the_same_samples(
    bucket: FolderBucket, read: Load, train: tuple[str, bytes], validation: tuple[str, bytes]
) -> None:
    for key, content in (train, validation):
        bucket.put(key, content)
    with pytest.raises(Failure, match=rf"^{train[0]}.* of spec.data.train and {validation[0]}.* hold the same") as why:
        read(train={"object": train[0]}, validation={"object": validation[0]})
    assert why.value.reason == "DuplicateData"


def test_samples_that_differ_somewhere_are_others(bucket: FolderBucket, read: Load) -> None:
    """The same labels are no fault, nor are arrays that differ in the last value alone."""
    last = X.copy()
    last[-1, -1, -1] += 1
    npz(bucket.root / "all.npz", x_train=X, y_train=Y, x_val=last, y_val=Y, x_test=X, y_test=Y[::-1])
    found = read(**{role: {"object": "all.npz"} for role in ("train", "validation", "test")})
    assert found.validation is not None
    np.testing.assert_array_equal(found.validation.features, last)


def test_another_order_takes_no_memory_that_stays(bucket: FolderBucket, tmp_path: Path) -> None:
    x = np.zeros((4000, 1000), "u1")
    npz(bucket.root / "train.npz", x=x, y=np.zeros(4000, "u1"))
    described = {"bucket": "any", "train": {"object": "train.npz"}, "validation": {"split": "0.2"}, "shuffle": True}
    tracemalloc.start()
    try:
        found = load(Data.model_validate(described), bucket, tmp_path / "scratch", training=TRAINING)
        left, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.train.features.shape == (3200, 1000)
    assert left < 1.1 * x.nbytes
    assert peak < 2.2 * x.nbytes
