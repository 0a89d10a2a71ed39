from pathlib import Path
from threading import Barrier

import pytest
from epochal_trainer.experiment.write import delete_checkpoints
from epochal_trainer.lib.failures import refused_failure
from epochal_trainer.storage import FolderBucket

from tests.unit.trainer.experiment.reports import report, trial, trial_folder

GIVEN_UP = report(
    trial(1, "0.5", "0.6", freed=[trial_folder(1, 0)]),
    trial(2, "0.9"),
    trial(3, "0.1", freed=[trial_folder(3, 0)]),
    trial(11, "0.8"),
)
FILES = ("model.keras", "history.csv", "checkpoints/latest.json", "checkpoints/1.zip", "checkpoints/files/abc")


@pytest.fixture
def bucket(tmp_path: Path) -> FolderBucket:
    for folder in (
        "models/vision/search-1-r0/uid-1-0",
        "models/vision/search-1-r1/uid-1-1",
        "models/vision/search-1-r0/uid-1-01",
        "models/vision/search-2-r0/uid-2-0",
        "models/vision/search-3-r0/uid-3-0",
        "models/vision/search-11-r0/uid-11-0",
        "models/other/search-1-r0/uid-1-0",
        "models/vision/search/uid",
    ):
        for name in FILES:
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x")
    return FolderBucket(tmp_path)


def test_only_freed_checkpoints_are_deleted(bucket: FolderBucket) -> None:
    before = bucket.keys("")
    deleted = delete_checkpoints(GIVEN_UP, bucket)
    freed = ("models/vision/search-1-r0/uid-1-0/checkpoints/", "models/vision/search-3-r0/uid-3-0/checkpoints/")
    assert bucket.keys("") == [key for key in before if not key.startswith(freed)]
    assert deleted == 6


def test_a_second_run_deletes_nothing(bucket: FolderBucket) -> None:
    delete_checkpoints(GIVEN_UP, bucket)
    before = bucket.keys("")
    assert delete_checkpoints(GIVEN_UP, bucket) == 0
    assert bucket.keys("") == before


def test_folders_are_listed_in_parallel(bucket: FolderBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    both, keys = Barrier(2, timeout=10), bucket.keys

    def wait(prefix: str) -> list[str]:
        both.wait()
        return keys(prefix)

    monkeypatch.setattr(bucket, "keys", wait)
    assert delete_checkpoints(GIVEN_UP, bucket) == 6


def test_a_refused_deletion_is_logged(
    bucket: FolderBucket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def delete(key: str) -> None:
        raise refused_failure("ResultsNotWritable", f"{key} may not be deleted")

    before = bucket.keys("")
    monkeypatch.setattr(bucket, "delete", delete)
    assert delete_checkpoints(GIVEN_UP, bucket) == 0
    assert "may not be deleted" in caplog.text
    assert bucket.keys("") == before
