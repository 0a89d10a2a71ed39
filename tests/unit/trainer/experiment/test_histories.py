from itertools import pairwise
from pathlib import Path

import pytest
from epochal_trainer.experiment.histories import MAX_POINTS, by_progress, parse, read
from epochal_trainer.lib.failures import Failure, refused_failure
from epochal_trainer.storage import FolderBucket

from tests.unit.trainer.experiment.reports import SMALL, report, trial

HISTORY = b"epoch,seconds,learning_rate,loss,val_accuracy\n1,2.5,0.001,0.5,0.9\n2,2.5,,0.4,\n3,2.5,0.001,nan,0.93\n"


def test_epochs_without_the_metric_are_skipped() -> None:
    assert parse(HISTORY, "val_accuracy") == ((1, 0.9), (3, 0.93))
    assert parse(HISTORY, "loss") == ((1, 0.5), (2, 0.4))


def test_a_metric_is_found_by_its_name_in_the_status() -> None:
    assert parse(b"epoch,seconds,learning_rate,my\tfigure\n1,1,1,0.5\n", "my figure") == ((1, 0.5),)


def test_long_histories_are_thinned() -> None:
    rows = b"".join(b"%d,1,,0.5\n" % epoch for epoch in range(1, 6001))
    epochs = [epoch for epoch, _ in parse(b"epoch,seconds,learning_rate,loss\n" + rows, "loss")]
    assert len(epochs) == MAX_POINTS
    assert (epochs[0], epochs[-1]) == (12, 6000)
    assert {after - before for before, after in pairwise(epochs)} == {12}


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"seconds\n1\n", b"epoch,loss\n1,2\n", b"\xff\xfe", b"epoch,val_accuracy\nx,1\n"]
)
def test_invalid_histories_are_errors(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(content, "val_accuracy")


def stored(folder: Path, *places: str) -> FolderBucket:
    for place in places:
        (folder / "models/vision" / place).mkdir(parents=True)
        (folder / "models/vision" / place / "history.csv").write_bytes(HISTORY)
    return FolderBucket(folder)


def test_the_history_of_the_last_rung_is_read(tmp_path: Path) -> None:
    found = read(SMALL, stored(tmp_path, "search-0-r2/uid-0-2", "search-1-r2/uid-1-2", "search-2-r0/uid-2-0"))
    assert set(found.points) == {0, 1, 2}, "the others have finished no rung"
    assert found.points[0] == ((1, 0.9), (3, 0.93))
    assert found.missing == ()


def test_missing_and_damaged_histories_are_listed(tmp_path: Path) -> None:
    bucket = stored(tmp_path, "search-0-r2/uid-0-2", "search-2-r0/uid-2-0")
    (tmp_path / "models/vision/search-2-r0/uid-2-0/history.csv").write_bytes(b"\xff")
    found = read(SMALL, bucket)
    assert set(found.points) == {0}
    first, second = found.missing
    assert first.startswith("trial 1: ")
    assert second.startswith("trial 2: ")
    assert "history.csv is not a valid history" in second


def test_a_refused_read_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = FolderBucket(tmp_path)

    def get(key: str) -> bytes:
        raise refused_failure("CredentialsRefused", f"{key} may not be read")

    monkeypatch.setattr(bucket, "get", get)
    with pytest.raises(Failure, match="may not be read"):
        read(SMALL, bucket)


def test_only_the_trials_with_most_epochs_are_read(tmp_path: Path) -> None:
    trials = [trial(number, f"0.{number + 10}") for number in range(30)] + [trial(30, "0.01", "0.02")]
    found = read(report(*trials), FolderBucket(tmp_path), max_trials=3)
    assert [line.partition(":")[0] for line in found.missing] == ["trial 28", "trial 29", "trial 30"]
    assert found.omitted == 28


def test_by_progress_depends_on_the_goal() -> None:
    trials = [trial(1, "0.5"), trial(2, "0.7"), trial(3, None), trial(4)]
    assert [read_trial.number for read_trial in by_progress(report(*trials))] == [2, 1, 3]
    assert [read_trial.number for read_trial in by_progress(report(*trials, goal="Minimize"))] == [1, 2, 3]
