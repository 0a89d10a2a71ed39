"""`epochal results`: the files in the bucket, listed and downloaded."""

import json
from pathlib import Path

import pytest
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode
from epochal.runs.folder import local_path

from tests.unit.cli.commands import epochal
from tests.unit.cli.stored_results import Stored

FILES = {
    "model.keras": b"m" * 1500,
    "history.csv": b"epoch,loss\n",
    "checkpoints/1.zip": b"12",
    "checkpoints/2.zip": b"345",
}


def test_lists_files_and_sums_up_folders(stored: Stored, tmp_path: Path) -> None:
    stored.put_job("mnist", FILES)
    code, output, errors = epochal("results", "mnist", folder=tmp_path, variables=stored.variables)
    assert (code, errors) == (0, "")
    place, header, *rows = output.splitlines()
    assert place.startswith("s3://bucket/runs/vision/mnist/")
    assert header.split() == ["FILE", "SIZE", "FILES"]
    assert [row.split() for row in rows] == [
        ["history.csv", "11", "B", "1"],
        ["model.keras", "1.5", "kB", "1"],
        ["checkpoints/", "5", "B", "2"],
    ]


def test_formats_for_scripts(stored: Stored, tmp_path: Path) -> None:
    job = stored.put_job("mnist", FILES)
    folder = f"s3://bucket/runs/vision/mnist/{job['metadata']['uid']}"
    names = epochal("results", "tj/mnist", "-o", "name", folder=tmp_path, variables=stored.variables).output
    assert names.split() == [f"{folder}/{name}" for name in sorted(FILES)]
    content = json.loads(epochal("results", "mnist", "-o", "json", folder=tmp_path, variables=stored.variables).output)
    assert {"uri": f"{folder}/model.keras", "bytes": 1500} in content


def test_downloads_files_by_name_and_pattern(stored: Stored, tmp_path: Path) -> None:
    stored.put_job("mnist", FILES)
    options = ("--get", "model.keras", "--get", "checkpoints/*", "--out", "got")
    code, output, _ = epochal("results", "mnist", *options, folder=tmp_path, variables=stored.variables)
    assert code == 0
    names = ["model.keras", "checkpoints/1.zip", "checkpoints/2.zip"]
    assert output.splitlines() == [str(tmp_path / "got" / name) for name in names]
    assert (tmp_path / "got/model.keras").read_bytes() == FILES["model.keras"]
    assert (tmp_path / "got/checkpoints/2.zip").read_bytes() == b"345"


def test_replaces_a_file_only_if_told_to(stored: Stored, tmp_path: Path) -> None:
    stored.put_job("mnist", FILES)
    (tmp_path / "model.keras").write_bytes(b"mine")
    options = ("results", "mnist", "-g", "*.csv", "-g", "model.keras")
    code, _, errors = epochal(*options, folder=tmp_path, variables=stored.variables)
    assert code == ExitCode.FAILED
    assert "model.keras exists" in errors
    assert not (tmp_path / "history.csv").exists()
    assert epochal(*options, "--force", folder=tmp_path, variables=stored.variables).exit_code == 0
    assert (tmp_path / "model.keras").read_bytes() == FILES["model.keras"]


def test_errors_name_what_is_missing(stored: Stored, tmp_path: Path) -> None:
    stored.put_job("mnist", FILES)
    stored.put_job("new", {}, state="Running")
    for arguments, message in (
        (("mnist", "-g", "best.keras"), "the results have no file best.keras"),
        (("new",), "TrainingJob new (Running) has no results yet at s3://bucket/runs/vision/new/"),
        (("mnits",), "there is no TrainingJob or Experiment mnits in namespace vision; did you mean mnist"),
    ):
        code, output, errors = epochal("results", *arguments, folder=tmp_path, variables=stored.variables)
        assert (code, output) == (ExitCode.NOT_FOUND, "")
        assert message in errors


def test_an_experiment_has_results_of_its_own(stored: Stored, tmp_path: Path) -> None:
    stored.put_experiment("search", {"trials.csv": b"number\n", "best.yaml": b"{}"})
    output = epochal("results", "search", "-o", "name", folder=tmp_path, variables=stored.variables).output
    assert [line.rpartition("/")[2] for line in output.split()] == ["best.yaml", "trials.csv"]


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd", "a\\..\\x", "C:x", ""])
def test_a_name_of_the_bucket_never_leaves_the_folder(name: str) -> None:
    with pytest.raises(EpochalError, match="no safe path in a local folder"):
        local_path(name)
