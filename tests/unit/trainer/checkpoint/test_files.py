import os
import time
from pathlib import Path

import pytest
from epochal_trainer.checkpoint import Files
from epochal_trainer.checkpoint.files import FileCopy

NAMES = ["callbacks", "training.log"]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "callbacks/deep").mkdir(parents=True)
    (tmp_path / "callbacks/deep/a.csv").write_text("1\n")
    (tmp_path / "training.log").write_text("begun\n")
    (tmp_path / "job.json").write_text("{}")
    return tmp_path


def texts(copies: dict[str, FileCopy]) -> dict[str, str]:
    return {path: copy.path.read_text() for path, copy in copies.items()}


def test_copies_keep_their_content(base: Path) -> None:
    files = Files(base, NAMES, base / "staging")
    copies = files.take()
    (base / "callbacks/deep/a.csv").write_text("2\n")
    assert texts(copies) == {"callbacks/deep/a.csv": "1\n", "training.log": "begun\n"}
    assert texts(files.take()) == {"callbacks/deep/a.csv": "2\n", "training.log": "begun\n"}


def test_only_changed_files_are_copied_again(base: Path) -> None:
    for path in (base / "callbacks/deep/a.csv", base / "training.log"):
        os.utime(path, (time.time() - 10, time.time() - 10))
    files = Files(base, NAMES, base / "staging")
    first = files.take()
    (base / "training.log").write_text("ended\n")  # as long as before
    second = files.take()
    assert second["callbacks/deep/a.csv"] is first["callbacks/deep/a.csv"]
    assert texts(second)["training.log"] == "ended\n"
    (base / "training.log").write_text("third\n")
    assert texts(files.take())["training.log"] == "third\n"


def test_unused_copies_are_deleted(base: Path) -> None:
    files = Files(base, NAMES, base / "staging")
    copies = files.take()
    (base / "callbacks/deep/a.csv").unlink()
    (base / "training.log").unlink()
    assert files.take() == {}
    assert len(list((base / "staging").iterdir())) == 2
    copies.clear()
    assert list((base / "staging").iterdir()) == []


def test_links_are_not_followed(base: Path) -> None:
    (base / "callbacks/link").symlink_to(base / "job.json")
    assert "callbacks/link" not in Files(base, NAMES, base / "staging").take()


def test_files_are_restored_and_the_log_continues(base: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    copies = Files(base, NAMES, base / "staging").take()
    other = tmp_path_factory.mktemp("other")
    with (other / "training.log").open("a") as log:
        log.write("again\n")
        log.flush()
        Files(other, NAMES, other / "staging").restore(copies)
        log.write("went on\n")
    assert (other / "callbacks/deep/a.csv").read_text() == "1\n"
    assert (other / "training.log").read_text() == "begun\nagain\nwent on\n"


@pytest.mark.parametrize("path", ["../out", "/out", "callbacks/../../out", "job.json", "", "training.log/../../out"])
def test_files_outside_are_not_restored(base: Path, tmp_path_factory: pytest.TempPathFactory, path: str) -> None:
    copies = Files(base, NAMES, base / "staging").take()
    other = tmp_path_factory.mktemp("other") / "scratch"
    other.mkdir()
    Files(other, NAMES, other / "staging").restore({path: copies["training.log"]})
    assert [found for found in other.parent.rglob("*") if found.is_file()] == []


@pytest.mark.parametrize(
    "path",
    [
        "callbacks",
        "callbacks/deep",
        "callbacks/deep/a.csv/b.csv",
        "training.log/b.csv",
        "callbacks/" + "x" * 300,
        "callbacks/" + "x/" * 5000,
        "callbacks/\0",
    ],
    ids=lambda path: f"{path:.40}",
)
def test_files_that_cannot_be_created_are_skipped(base: Path, path: str, caplog: pytest.LogCaptureFixture) -> None:
    copies = Files(base, NAMES, base / "staging").take()
    Files(base, NAMES, base / "staging").restore(
        {path: copies["training.log"], "callbacks/c.csv": copies["training.log"]}
    )
    assert (base / "callbacks/c.csv").read_text() == "begun\n"
    assert (base / "callbacks/deep/a.csv").read_text() == "1\n"
    assert "Skipped the checkpoint's file" in caplog.text
