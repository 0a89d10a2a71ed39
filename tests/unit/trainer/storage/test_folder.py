import errno
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


def test_it_has_the_interface_of_a_bucket(bucket: FolderBucket) -> None:
    found: Bucket = bucket
    found.check()
    assert found.name == "bucket"
    assert found.uri("a/b") == str(bucket.root / "a/b")


def test_objects_can_be_written_read_listed_and_deleted(bucket: FolderBucket) -> None:
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


def test_uploads_and_downloads(bucket: FolderBucket, tmp_path: Path) -> None:
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


def test_a_failed_write_leaves_the_old_object(bucket: FolderBucket, tmp_path: Path) -> None:
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
    with pytest.raises(Failure, match="does not exist"):
        bucket.stat("data")
    assert not (tmp_path / "down").exists()


def test_entries_are_of_a_single_level(bucket: FolderBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("a/b/one", "a/c", "ab", "a/.unfinished-x"):
        bucket.put(key, b"")
    assert bucket.entries("") == ["a/", "ab"]
    assert bucket.entries("a") == ["a/", "ab"]
    assert bucket.entries("a/") == ["a/b/", "a/c"]
    assert bucket.entries("a/b") == ["a/b/"]
    assert bucket.entries("ab/") == bucket.entries("nothing/here") == []
    monkeypatch.setattr("epochal_trainer.storage.suggestions.MAX_ENTRIES", 1)
    assert len(bucket.entries("")) == 1


def test_a_missing_folder_comes_with_advice(bucket: FolderBucket) -> None:
    with pytest.raises(Failure, match=r"bukcet is not a folder: .* did you mean bucket\?") as caught:
        FolderBucket(bucket.root.parent / "bukcet").check()
    assert caught.value.reason == "BucketNotFound"


def test_a_missing_folder_is_a_missing_bucket(tmp_path: Path) -> None:
    for call in (FolderBucket(tmp_path / "none").check, lambda: FolderBucket(tmp_path / "none").keys("")):
        with pytest.raises(Failure, match="none is not a folder") as caught:
            call()
        assert (caught.value.reason, caught.value.exit_code) == ("BucketNotFound", 65)


@pytest.mark.parametrize("key", ["../outside", "a/../../outside", "/etc/hostname"])
def test_keys_outside_of_the_folder_are_refused(bucket: FolderBucket, key: str) -> None:
    for call in (bucket.stat, bucket.get, bucket.delete, lambda key: bucket.put(key, b"")):
        with pytest.raises(Failure, match="is outside of"):
            call(key)


def test_an_unwritable_folder_is_reported(bucket: FolderBucket) -> None:
    bucket.put("file", b"")
    for call in (lambda key: bucket.put(key, b""), bucket.delete):
        with pytest.raises(Failure, match=r"file/below cannot be written: (File exists|Not a directory)") as caught:
            call("file/below")
        assert (caught.value.reason, caught.value.exit_code) == ("ResultsNotWritable", 77)


def test_a_download_needs_free_disk_space(
    bucket: FolderBucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("a", b"12345")
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=4))
    with pytest.raises(Failure, match=r"has 5 bytes, and only 4 bytes are free") as caught:
        bucket.download("a", tmp_path / "down")
    assert caught.value.reason == "ScratchFull"
    assert not (tmp_path / "down").exists()


def test_large_objects_are_not_read_into_memory(bucket: FolderBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epochal_trainer.storage.folder.SMALL_BYTES", 4)
    monkeypatch.setattr("epochal_trainer.storage.failures.SMALL_BYTES", 4)
    bucket.put("a", b"1234")
    bucket.put("b", b"12345")
    assert bucket.get("a") == b"1234"
    with pytest.raises(Failure, match="b is too large: it has more than 4 bytes") as caught:
        bucket.get("b")
    assert caught.value.reason == "DamagedData"


def test_a_download_to_a_full_disk_leaves_no_file(
    bucket: FolderBucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_disk(_source: Path, target: Path) -> None:
        target.write_bytes(b"1")
        raise OSError(errno.ENOSPC, "No space left on device")

    bucket.put("a", b"12")
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("shutil.copyfile", fill_disk)
    with pytest.raises(Failure, match="the disk is full"):
        bucket.download("a", tmp_path / "scratch/down")
    assert list((tmp_path / "scratch").iterdir()) == []
