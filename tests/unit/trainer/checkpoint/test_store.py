import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from epochal_lib.digests import sha256
from epochal_trainer.checkpoint import EpochWeights, Snapshot, Store
from epochal_trainer.checkpoint.files import FileCopy
from epochal_trainer.checkpoint.state import VariableState
from epochal_trainer.lib.failures import Failure, refused_failure
from epochal_trainer.reporting.attempts import Attempts
from epochal_trainer.storage import Credentials, FolderBucket, S3Bucket

from tests.kit.s3_server import Service

Make = Callable[..., Snapshot]


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Store]:
    (tmp_path / "bucket").mkdir()

    def store(keep: int = 2, bucket: FolderBucket | None = None, attempts: Attempts | None = None) -> Store:
        bucket = bucket or FolderBucket(tmp_path / "bucket")
        return Store(bucket, "lab/job/1", tmp_path / "scratch", keep=keep, attempts=attempts)

    return store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "bucket/lab/job/1/checkpoints"


def zips(folder: Path) -> list[str]:
    return sorted(path.name[:27] for path in folder.glob("*.zip"))


def copy(tmp_path: Path, content: str) -> FileCopy:
    path = tmp_path / f"copy of {content}"
    path.write_text(content)
    return FileCopy(path)


def epoch_of(snapshot: Snapshot | None) -> int | None:
    return None if snapshot is None else snapshot.state.position.epoch


def test_the_newest_checkpoints_are_kept(opened: Any, folder: Path, make: Make) -> None:
    store = opened()
    for epoch in (1, 2, 3):
        store.write(make(epoch))
    store.write(make(3, step=4))
    assert zips(folder) == ["000001-0000003-000000000000", "000001-0000003-000000000004"]
    index = json.loads((folder / "latest.json").read_text())
    assert index["format"] == 1
    newest = index["checkpoints"][0]
    assert newest | {"key": "", "size": 0} == {
        "key": "",
        "size": 0,
        "sha256": sha256(folder / newest["key"]),
        "epoch": 3,
        "step": 4,
        "attempt": 1,
        "time": "2026-11-25T00:00:00Z",
        "files": [],
    }
    found = opened().newest()
    assert found is not None
    assert found.state.position.step == 4


def test_older_checkpoints_stay_after_a_resume(opened: Any, folder: Path, make: Make, tmp_path: Path) -> None:
    """The checkpoint that an attempt started from may be damaged at the next resume."""
    store = opened(keep=3)
    for epoch in (1, 2, 3):
        store.write(make(epoch, files={"training.log": copy(tmp_path, f"{epoch} epochs")}))
    second = opened(keep=3)
    assert epoch_of(second.newest()) == 3
    second.write(make(4, attempt=2))
    index = json.loads((folder / "latest.json").read_text())
    assert [entry["epoch"] for entry in index["checkpoints"]] == [4, 3, 2]
    for path in folder.glob("*.zip"):
        if "-0000002-" not in path.name:
            damage(path)
    found = opened(keep=3).newest()
    assert epoch_of(found) == 2
    assert found is not None
    assert found.files["training.log"].path.read_text() == "2 epochs"


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "harm",
    [damage, Path.unlink, lambda path: path.write_bytes(b""), lambda path: path.write_bytes(path.read_bytes()[:-9])],
    ids=["damaged", "missing", "empty", "cut"],
)
def test_a_damaged_checkpoint_is_replaced_by_the_previous_one(
    opened: Any, folder: Path, make: Make, harm: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    store = opened()
    for epoch in (1, 2):
        store.write(make(epoch))
    (newest,) = folder.glob("*-0000002-*.zip")
    harm(newest)
    second = opened()
    assert epoch_of(second.newest()) == 1
    assert re.search(f"Cannot use the checkpoint .*{newest.name}", caplog.text)
    second.write(make(2, attempt=2))
    assert zips(folder) == ["000001-0000001-000000000000", "000002-0000002-000000000000"]


class Flips(FolderBucket):
    """A bucket without MD5 whose first download has a flipped bit."""

    times = 1

    def download(self, key: str, path: Path) -> str:
        found = super().download(key, path)
        if self.times and key.endswith(".zip"):
            self.times -= 1
            damage(path)
            return sha256(path)
        return found


@pytest.mark.parametrize("keep", [1, 2])
def test_a_damaged_download_is_repeated(opened: Any, tmp_path: Path, folder: Path, make: Make, keep: int) -> None:
    store = opened(keep)
    for epoch in (1, 2):
        store.write(make(epoch))
    assert epoch_of(opened(keep, Flips(tmp_path / "bucket")).newest()) == 2


@pytest.mark.parametrize("harm", [damage, Path.unlink])
def test_only_damaged_checkpoints_fail(opened: Any, folder: Path, make: Make, harm: Callable[[Path], None]) -> None:
    store = opened()
    for epoch in (1, 2):
        store.write(make(epoch))
    for path in folder.glob("*.zip"):
        harm(path)
    before = sorted(folder.rglob("*"))
    with pytest.raises(
        Failure, match=r"none of the 2 checkpoints in .* can be used; the newest is .*/000001-0000002-.*\.zip: "
    ) as caught:
        opened().newest()
    assert (caught.value.reason, caught.value.exit_code) == ("CheckpointDamaged", 65)
    assert sorted(folder.rglob("*")) == before


def test_an_unlisted_checkpoint_is_used_without_a_listed_one(
    opened: Any, folder: Path, make: Make, tmp_path: Path
) -> None:
    """A delayed attempt may overwrite the index of a later attempt, which has deleted old checkpoints."""
    store = opened()
    for epoch in (1, 2):
        store.write(make(epoch, files={"callbacks/a": copy(tmp_path, "a"), "training.log": copy(tmp_path, f"{epoch}")}))
    index = json.loads((folder / "latest.json").read_text())
    index["checkpoints"] = [{**index["checkpoints"][0], "key": f"000001-0000009-000000000000-{'0' * 16}.zip"}]
    (folder / "latest.json").write_text(json.dumps(index))
    second = opened()
    found = second.newest()
    assert epoch_of(found) == 2
    second.write(make(3, attempt=2, files={"callbacks/a": copy(tmp_path, "b")}))
    damage(next(folder.glob("000002-*.zip")))
    assert epoch_of(opened().newest()) == 2  # with its files


def test_an_unlisted_checkpoint_must_match_the_digest_in_its_name(opened: Any, folder: Path, make: Make) -> None:
    opened().write(make(1))
    (folder / "latest.json").unlink()
    (path,) = folder.glob("*.zip")
    path.rename(folder / f"000001-0000009-000000000000-{'0' * 16}.zip")
    with pytest.raises(Failure, match=r"has the SHA-256 \w+ instead of 0000000000000000"):
        opened().newest()


@pytest.mark.parametrize(
    "content", [None, b"", b"{", b"[" * 100_000, b'{"format": 1, "checkpoints": [{"key": "../a"}]}', b"[]"]
)
def test_names_give_the_order_without_a_pointer(opened: Any, folder: Path, make: Make, content: bytes | None) -> None:
    store = opened(keep=3)
    for attempt, epoch in ((1, 9), (2, 3), (2, 10)):
        store.write(make(epoch, attempt=attempt))
    index = folder / "latest.json"
    index.unlink() if content is None else index.write_bytes(content)
    (folder / "notes.zip").write_text("not ours")
    assert epoch_of(opened().newest()) == 10


def test_a_pointer_of_a_later_version(opened: Any, folder: Path, make: Make) -> None:
    opened().write(make(1))
    (folder / "latest.json").write_text('{"format": 2}')
    with pytest.raises(Failure, match="format 2") as caught:
        opened().newest()
    assert caught.value.reason == "CheckpointTooNew"


@pytest.fixture
def uploads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the files that are uploaded beside checkpoints."""
    names: list[str] = []
    original = FolderBucket.upload

    def upload(self: FolderBucket, path: Path, key: str, **options: Any) -> None:
        if "/files/" in key:
            names.append(key.rsplit("/", 1)[1])
        original(self, path, key, **options)

    monkeypatch.setattr(FolderBucket, "upload", upload)
    return names


def test_files_are_stored_once_and_deleted_with_the_last_checkpoint(
    opened: Any, folder: Path, make: Make, tmp_path: Path, uploads: list[str]
) -> None:
    store, same = opened(), copy(tmp_path, "same")
    for epoch in (1, 2, 3, 4):
        store.write(make(epoch, files={"training.log": copy(tmp_path, str(epoch)), "callbacks/a": same}))
    assert len(uploads) == 5
    assert sorted(path.read_text() for path in (folder / "files").iterdir()) == ["3", "4", "same"]
    found = opened().newest()
    assert found is not None
    assert {path: file.path.read_text() for path, file in found.files.items()} == {
        "training.log": "4",
        "callbacks/a": "same",
    }


def test_a_checkpoint_with_damaged_files_is_not_used(opened: Any, folder: Path, make: Make, tmp_path: Path) -> None:
    store = opened()
    for epoch in (1, 2):
        store.write(make(epoch, files={"training.log": copy(tmp_path, f"{epoch} epochs")}))
    for path in (folder / "files").iterdir():
        if path.read_text() == "2 epochs":
            path.write_text("3 epochs")
    assert epoch_of(opened().newest()) == 1


def weights_of(epoch: int) -> EpochWeights:
    """Return weights that all equal the number of the epoch."""
    array = np.full((2, 3), epoch, "float32")
    described = VariableState(path="dense/0", shape=(2, 3), dtype="float32")
    return EpochWeights(epoch, [described], {"best/0": array}, of_model=True)


def with_best(snapshot: Snapshot, best: EpochWeights) -> Snapshot:
    """Return a checkpoint of a training with these best weights."""
    state = best.state(snapshot.state.position)
    return replace(snapshot.changed(best=state), best_weights=None if state.in_checkpoint else best)


def best_of(snapshot: Snapshot | None) -> tuple[int, str] | None:
    if snapshot is None or snapshot.best_weights is None:
        return None
    return snapshot.best_weights.epoch, snapshot.best_weights.digest()


def test_best_weights_are_stored_once_and_deleted_with_the_last_checkpoint(
    opened: Any, folder: Path, make: Make, uploads: list[str]
) -> None:
    store, second, fifth = opened(), weights_of(2), weights_of(5)
    store.write(with_best(make(2), second))  # the checkpoint itself holds these weights
    assert not (folder / "files").exists()
    found = opened().newest()
    assert found is not None
    assert (found.state.best.epoch, found.state.best.in_checkpoint, found.best_weights) == (2, True, None)
    for epoch in (3, 4):
        store.write(with_best(make(epoch), second))
        found = opened().newest()
        assert best_of(found) == (2, second.digest())
        assert found.memory_bytes == found.size + second.size
    assert len(uploads) == 1
    store.write(with_best(make(5), fifth))
    assert list((folder / "files").iterdir())  # the previous checkpoint still needs them
    store.write(with_best(make(5, step=3), fifth))
    assert best_of(opened().newest()) == (5, fifth.digest())
    assert len(uploads) == len(set(uploads)) == 2
    assert [path.name for path in (folder / "files").iterdir()] == [uploads[1]]


def best_state(snapshot: Snapshot | None) -> tuple[Any, ...]:
    """Return a checkpoint's epoch, best weights, comparable epochs and lost epoch."""
    assert snapshot is not None
    state = snapshot.state
    comparable = [epoch.number for epoch in state.history if epoch.eligible]
    own = state.best and (state.best.epoch, state.best.in_checkpoint)
    return state.position.epoch, own, snapshot.best_weights, comparable, snapshot.newly_lost_best_epoch


@pytest.mark.parametrize("harm", [damage, Path.unlink])
@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ({"epoch": 3}, (3, (3, True), None, [3], 2)),  # it holds the weights of the epoch that had just ended
        ({"epoch": 3, "step": 4}, (3, None, None, [], 2)),
    ],
    ids=str,
)
def test_a_checkpoint_is_used_without_damaged_best_weights(  # noqa: PLR0917
    opened: Any,
    folder: Path,
    make: Make,
    harm: Callable[[Path], object],
    at: dict[str, int],
    expected: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = opened()
    store.write(with_best(make(2), weights_of(2)))
    store.write(with_best(make(**at), weights_of(2)))
    (file,) = (folder / "files").iterdir()
    harm(file)
    assert best_state(opened().newest()) == expected
    assert "The weights of epoch 2, the best so far, are lost" in caplog.text


def test_a_checkpoint_is_used_without_a_file_for_the_best_weights(
    opened: Any, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    store = opened()
    store.write(make(1))
    store.write(replace(with_best(make(3), weights_of(2)), best_weights=None))
    assert best_state(opened().newest()) == (3, (3, True), None, [3], 2)
    assert "are lost: the checkpoint lists no file with them" in caplog.text


def test_an_epoch_of_another_training_does_not_become_the_best(opened: Any, make: Make) -> None:
    found = with_best(make(3), weights_of(2))
    history = [replace(epoch, eligible=False) for epoch in found.history]
    assert best_state(found.changed(history=history).without_best_weights())[3] == []


@pytest.mark.parametrize("epoch", [2, 3])
def test_best_weights_are_downloaded_only_on_request(
    opened: Any, make: Make, monkeypatch: pytest.MonkeyPatch, epoch: int
) -> None:
    opened().write(with_best(make(epoch), weights_of(2)))
    fetched: list[str] = []
    download = FolderBucket.download

    def counted(bucket: FolderBucket, key: str, path: Path) -> str:
        fetched.append(key)
        return download(bucket, key, path)

    monkeypatch.setattr(FolderBucket, "download", counted)
    every_epoch = [number + 1 for number in range(epoch)]
    assert best_state(opened().newest(lambda _: False)) == (epoch, None, None, every_epoch, None)
    assert len(fetched) == 1


def begun(folder: Path, pod: str) -> Attempts:
    attempts = Attempts(FolderBucket(folder.parents[3]), "lab/job/1", pod)
    attempts.begin("spec")
    return attempts


def test_a_superseded_attempt_writes_nothing(opened: Any, folder: Path, make: Make) -> None:
    old = opened(attempts=begun(folder, "a"))
    old.write(make(1))
    new = opened(attempts=begun(folder, "b"))
    new.newest()
    before = sorted(folder.rglob("*"))
    with pytest.raises(Failure, match="attempt 2 of pod b has begun since and replaces attempt 1 of pod a") as caught:
        old.write(make(3))
    assert (caught.value.reason, caught.value.exit_code) == ("Superseded", 143)
    assert sorted(folder.rglob("*")) == before
    new.write(make(2, attempt=2))
    assert epoch_of(opened().newest()) == 2


def test_files_that_an_earlier_attempt_deletes_are_stored_again(
    opened: Any, folder: Path, make: Make, tmp_path: Path
) -> None:
    old, new = opened(keep=1), opened(keep=1)
    old.write(make(1, files={"callbacks/a": copy(tmp_path, "a")}))
    found = new.newest()
    old.write(make(2))
    assert not list((folder / "files").iterdir())
    for epoch in (2, 3):
        new.write(make(epoch, attempt=2, files=found.files))
    newest = opened().newest()
    assert newest is not None
    assert newest.files["callbacks/a"].path.read_text() == "a"


class DelayedBucket(FolderBucket):
    """A bucket that calls another attempt before the index is written, or an object is deleted."""

    writing: Callable[[], None] | None = None
    deleting: Callable[[], None] | None = None

    def put(self, key: str, content: bytes) -> None:
        action, self.writing = self.writing, None
        if action is not None:
            action()
        super().put(key, content)

    def delete(self, key: str) -> None:
        action, self.deleting = self.deleting, None
        if action is not None:
            action()
        super().delete(key)


@pytest.mark.parametrize("number", [2, 1], ids=["the next attempt", "an attempt with the same number"])
def test_a_delayed_attempt_deletes_nothing(opened: Any, folder: Path, make: Make, tmp_path: Path, number: int) -> None:
    bucket = DelayedBucket(tmp_path / "bucket")
    old = opened(bucket=bucket, keep=1, attempts=begun(folder, "a"))
    files = {"callbacks/a": copy(tmp_path, "a")}
    stored: list[Path] = []

    def another() -> None:
        new = opened(keep=1, attempts=begun(folder, "b"))
        new.write(make(2, attempt=number, files=files))
        stored.extend(path for path in folder.rglob("*") if path.is_file() and path.name != "latest.json")

    bucket.writing = another
    old.write(make(1))
    assert len(stored) == 2
    assert all(path.exists() for path in stored)
    with pytest.raises(Failure, match="has begun since"):
        old.write(make(3))
    assert all(path.exists() for path in stored)


def test_files_that_are_deleted_while_an_attempt_begins_are_stored_again(
    opened: Any, folder: Path, make: Make, tmp_path: Path
) -> None:
    bucket = DelayedBucket(tmp_path / "bucket")
    old, new = opened(bucket=bucket, keep=1, attempts=begun(folder, "a")), opened(keep=1)
    files = {"callbacks/a": copy(tmp_path, "a")}
    old.write(make(1, files=files))
    bucket.deleting = lambda: new.write(make(2, attempt=2, files=files))
    old.write(make(2))
    assert not list((folder / "files").iterdir())
    for epoch in (3, 4):
        new.write(make(epoch, attempt=2, files=files))
    newest = opened().newest()
    assert newest is not None
    assert newest.files["callbacks/a"].path.read_text() == "a"


class Undeletable(FolderBucket):
    def delete(self, key: str) -> None:
        raise refused_failure("ResultsNotWritable", f"{key} may not be deleted")


def test_a_refused_deletion_is_logged(
    opened: Any, folder: Path, make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = opened(bucket=Undeletable(tmp_path / "bucket"), keep=1)
    for epoch in (1, 2):
        store.write(make(epoch))
    assert len(zips(folder)) == 2
    assert epoch_of(opened().newest()) == 2
    assert "Cannot delete old checkpoints" in caplog.text


def test_a_refused_download_is_not_a_missing_checkpoint(
    opened: Any, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened().write(make(1))

    def refuse(self: FolderBucket, key: str, path: Path) -> str:
        raise refused_failure("CredentialsRefused", "no")

    monkeypatch.setattr(FolderBucket, "download", refuse)
    with pytest.raises(Failure) as caught:
        opened().newest()
    assert caught.value.reason == "CredentialsRefused"


def test_no_temporary_files_remain(opened: Any, make: Make, tmp_path: Path) -> None:
    store = opened()
    store.write(make(1, files={"training.log": copy(tmp_path, "log")}))
    found = opened().newest()
    del found
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.stop()


def test_a_failed_upload_is_not_listed(make: Make, tmp_path: Path, service: Service) -> None:
    service.etag, service.damage = lambda _: "0" * 32, lambda content: content[:-1] + b"x"
    bucket = S3Bucket(service.endpoint, "bucket", Credentials("key", "secret"))
    with pytest.raises(Failure) as caught:
        Store(bucket, "lab/job/1", tmp_path / "scratch").write(make(1))
    assert caught.value.reason == "ResultsNotWritable"
    assert not [key for key in service.objects if key.endswith("latest.json")]


def test_on_an_s3_service(make: Make, tmp_path: Path, service: Service) -> None:
    bucket = S3Bucket(service.endpoint, "bucket", Credentials("key", "secret"))
    store = Store(bucket, "lab/job/1", tmp_path / "scratch", keep=2)
    assert store.newest() is None
    for epoch in (1, 2, 3):
        requests = len(service.asked)
        store.write(make(epoch, files={"training.log": copy(tmp_path, str(epoch)), "callbacks/a": copy(tmp_path, "a")}))
    assert len(service.asked) - requests <= 12  # a service may take a second for each
    names = sorted(key.removeprefix("lab/job/1/checkpoints/")[:27] for key in service.objects)
    assert [name for name in names if name[:2] == "00"] == [f"000001-000000{epoch}-000000000000" for epoch in (2, 3)]
    assert len(names) == 2 + 3 + 1
    assert epoch_of(Store(bucket, "lab/job/1", tmp_path / "scratch").newest()) == 3
