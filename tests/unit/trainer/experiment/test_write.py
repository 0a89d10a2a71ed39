from pathlib import Path

import pytest
from epochal_trainer.experiment import histories
from epochal_trainer.experiment.write import write
from epochal_trainer.lib.failures import Failure, refused_failure
from epochal_trainer.storage import FolderBucket

from tests.unit.trainer.experiment.reports import report, trial, trial_folder


def test_checkpoints_are_deleted_before_histories_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket, scratch = FolderBucket(tmp_path / "bucket"), tmp_path / "scratch"
    given_up = tmp_path / "bucket/models/vision/search-1-r0/uid-1-0/checkpoints/1.zip"
    for folder in (given_up.parent, scratch):
        folder.mkdir(parents=True)
    given_up.write_text("x")

    def read(*_: object) -> None:
        raise refused_failure("CredentialsRefused", "they may not be read")

    monkeypatch.setattr(histories, "read", read)
    monkeypatch.setattr("epochal_trainer.experiment.write.FIGURES", {})  # they take seconds
    with pytest.raises(Failure, match="may not be read"):
        write(report(trial(1, "0.5", freed=[trial_folder(1, 0)])), bucket, scratch, lambda: None)
    assert not given_up.exists()
