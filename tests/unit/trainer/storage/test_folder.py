import os
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import pytest
from epochal_trainer.lib.failures import Failure
from epochal_trainer.storage import Bucket, FolderBucket


@pytest.fixture
def bucket(tmp_path: Path) -> FolderBucket:
    (tmp_path / "bucket").mkdir()
    return FolderBucket(tmp_path / "bucket")


def test_it_is_a_bucket(bucket: FolderBucket) -> None:
    found: Bucket = bucket
    found.check()
    assert found.name == "bucket"
    assert found.uri("a/b") == str(bucket.root / "a/b")


def test_what_is_put_can_be_read_listed_and_deleted(bucket: FolderBucket) -> None:
    bucket.put("a/b/one", b"1")
    bucket.put("a/b/one", b"11")
    bucket.put("a/c", b"")
    bucket.put("ab", b"2")
    assert bucket.get("a/b/one") == b"11"
    assert bucket.stat("a/b/one").size == 2
    assert bucket.keys("") == ["a/b/one", "a/c", "ab"]
    assert bucket.keys("a/") == ["a/b/one", "a/c"]
    assert bucket.keys("a") == ["a/b/one", "a/c", "ab"]
    assert bucket.keys("a/b/o") == ["a/b/one"]
    assert bucket.keys("nothing/here") == []
    bucket.delete("a/b/one")
    bucket.delete("a/b/one")
    assert bucket.keys("") == ["a/c", "ab"]


def test_files_go_up_and_down(bucket: FolderBucket, tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    (tmp_path / "up").write_bytes(content)
    bucket.upload(tmp_path / "up", "folder/object")
    assert bucket.download("folder/object", tmp_path / "down") == sha256(content).hexdigest()
    assert (tmp_path / "down").read_bytes() == content
    assert (bucket.root / "folder/object").stat().st_mode & 0o777 == 0o644


def test_an_etag_changes_with_the_object(bucket: FolderBucket) -> None:
    bucket.put("a", b"1")
    os.utime(bucket.root / "a", ns=(1, 1))
    before = bucket.stat("a")
    bucket.put("a", b"2")
    assert bucket.stat("a") != before


def test_a_write_that_fails_leaves_what_was_there(bucket: FolderBucket, tmp_path: Path) -> None:
    bucket.put("a", b"1")
    with pytest.raises(Failure):
        bucket.upload(tmp_path / "missing", "a")
    assert bucket.get("a") == b"1"
    assert bucket.keys("") == ["a"]
    assert os.listdir(bucket.root) == ["a"]  # noqa: PTH208 - hidden files count


def test_a_missing_object_comes_with_advice(bucket: FolderBucket, tmp_path: Path) -> None:
    for key in ("data/train.npz", "data/test.npz", "data/other", "data/more"):
        bucket.put(key, b"")
    for call in (bucket.stat, bucket.get, lambda key: bucket.download(key, tmp_path / "down")):
        with pytest.raises(Failure, match=r"data/trian.npz does not exist; did you mean data/train.npz") as caught:
            call("data/trian.npz")
        assert (caught.value.reason, caught.value.exit_code) == ("ObjectNotFound", 65)
    with pytest.raises(Failure, match=r"beside it lie data/more, data/other, data/test.npz and 1 more"):
        bucket.stat("data/zzzzzzzzzzzzzzz")
    with pytest.raises(Failure, match="nothing lies beside it"):
        bucket.stat("nowhere/a")
    with pytest.raises(Failure, match="does not exist"):
        bucket.stat("data")
    assert not (tmp_path / "down").exists()


def test_a_look_shows_one_level(bucket: FolderBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("a/b/one", "a/c", "ab", "a/.unfinished-x"):
        bucket.put(key, b"")
    assert bucket.entries("") == ["a/", "ab"]
    assert bucket.entries("a") == ["a/", "ab"]
    assert bucket.entries("a/") == ["a/b/", "a/c"]
    assert bucket.entries("a/b") == ["a/b/"]
    assert bucket.entries("ab/") == bucket.entries("nothing/here") == []
    monkeypatch.setattr("epochal_trainer.storage.near.MOST", 1)
    assert len(bucket.entries("")) == 1


def test_a_folder_like_a_missing_one_is_named(bucket: FolderBucket) -> None:
    with pytest.raises(Failure, match=r"bukcet is not a folder: name one that exists; did you mean bucket\?") as caught:
        FolderBucket(bucket.root.parent / "bukcet").check()
    assert caught.value.reason == "BucketNotFound"


def test_a_missing_folder_is_a_missing_bucket(tmp_path: Path) -> None:
    for call in (FolderBucket(tmp_path / "none").check, lambda: FolderBucket(tmp_path / "none").keys("")):
        with pytest.raises(Failure, match="none is not a folder") as caught:
            call()
        assert (caught.value.reason, caught.value.exit_code) == ("BucketNotFound", 65)


@pytest.mark.parametrize("key", ["../outside", "a/../../outside", "/etc/hostname"])
def test_no_key_leads_out_of_the_folder(bucket: FolderBucket, key: str) -> None:
    for call in (bucket.stat, bucket.get, bucket.delete, lambda key: bucket.put(key, b"")):
        with pytest.raises(Failure, match="leads out of"):
            call(key)


def test_a_folder_that_cannot_be_written_says_so(bucket: FolderBucket) -> None:
    bucket.put("file", b"")
    for call in (lambda key: bucket.put(key, b""), bucket.delete):
        with pytest.raises(Failure, match=r"file/below cannot be written: (File exists|Not a directory)") as caught:
            call("file/below")
        assert (caught.value.reason, caught.value.exit_code) == ("ResultsNotWritable", 77)


def test_a_download_needs_room(bucket: FolderBucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.put("a", b"12345")
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=4))
    with pytest.raises(Failure, match=r"holds 5 bytes and .* has only 4 bytes left") as caught:
        bucket.download("a", tmp_path / "down")
    assert caught.value.reason == "ScratchFull"
    assert not (tmp_path / "down").exists()


def test_only_small_objects_are_read_as_a_whole(bucket: FolderBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epochal_trainer.storage.folder.SMALL_BYTES", 4)
    monkeypatch.setattr("epochal_trainer.storage.faults.SMALL_BYTES", 4)
    bucket.put("a", b"1234")
    bucket.put("b", b"12345")
    assert bucket.get("a") == b"1234"
    with pytest.raises(Failure, match="b holds more than 4 bytes") as caught:
        bucket.get("b")
    assert caught.value.reason == "DamagedData"
