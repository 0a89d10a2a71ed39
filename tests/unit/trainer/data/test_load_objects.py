from pathlib import Path
from typing import Any

import pytest
from epochal_api.storage import Data
from epochal_trainer.data.load import check_object
from epochal_trainer.lib.failures import Failure, refused_failure
from epochal_trainer.storage import FolderBucket


@pytest.fixture
def bucket(tmp_path: Path) -> FolderBucket:
    (tmp_path / "bucket").mkdir()
    found = FolderBucket(tmp_path / "bucket")
    for key in ("mnist/train.npz", "pets/cats/1.PNG", "pets/dogs/2.png", "flat/1.jpeg", "papers/a.txt", "empty/"):
        (found.root / key).parent.mkdir(parents=True, exist_ok=True)
        if not key.endswith("/"):
            (found.root / key).write_bytes(b"x")
    return found


def data(prefix: str = "") -> Data:
    return Data.model_validate({"bucket": "any", "prefix": prefix, "train": {"object": "any"}})


def missing(bucket: FolderBucket, key: str, prefix: str = "") -> Failure:
    with pytest.raises(Failure) as caught:
        check_object(bucket, data(prefix), key)
    assert (caught.value.reason, caught.value.exit_code) == ("ObjectNotFound", 65)
    return caught.value


def test_existing_object(bucket: FolderBucket) -> None:
    check_object(bucket, data("mnist/"), "train.npz")


@pytest.mark.parametrize("key", ["pets", "pets/", "pets/cats", "flat"])
def test_folder_of_images(bucket: FolderBucket, key: str) -> None:
    message = missing(bucket, key).message
    assert "it is a folder that contains " in message
    assert "spec.data must name objects, each idx, npz or pickle, and folders of images are not read" in message
    assert 'numpy.savez("train.npz", x=IMAGES, y=LABELS), x of shape (samples, height, width, channels)' in message


def test_folder_of_other_files(bucket: FolderBucket) -> None:
    message = missing(bucket, "papers").message
    assert message.endswith("it is a folder that contains a.txt. spec.data must name objects, each idx, npz or pickle")


def test_prefix_without_slash(bucket: FolderBucket) -> None:
    message = missing(bucket, "train.npz", prefix="mnist").message
    assert message.endswith("spec.data.prefix is put before each key unchanged: write mnist/ if it is a folder")


@pytest.mark.parametrize(("prefix", "key"), [("mnits/", "train.npz"), ("mnits/", "trian.npz"), ("", "mnist/tain.npz")])
def test_suggestions_beyond_a_wrong_prefix(bucket: FolderBucket, prefix: str, key: str) -> None:
    assert missing(bucket, key, prefix).message.endswith("does not exist; did you mean mnist/train.npz?")


def test_empty_object_as_folder(bucket: FolderBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    class Marker:
        size = 0

    monkeypatch.setattr(bucket, "stat", lambda _: Marker())
    message = missing(bucket, "pets/").message
    assert "pets is a folder. spec.data must name objects" in message


def test_missing_object_without_permission_to_list(bucket: FolderBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    before = missing(bucket, "papers").message.partition(". ")[0]

    def refuse(_: Any) -> list[str]:
        raise refused_failure("CredentialsRefused", "no")

    found = Failure("ObjectNotFound", before, 65)

    def stat(_: Any) -> None:
        raise found

    monkeypatch.setattr(bucket, "entries", refuse)
    monkeypatch.setattr(bucket, "stat", stat)
    assert missing(bucket, "papers") is found
