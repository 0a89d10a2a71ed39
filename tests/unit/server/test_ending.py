"""The last words of a server."""

import json
from pathlib import Path

import pytest
from epochal_api.pod import ExitCode
from epochal_server.ending import MOST_BYTES, Ended, Reason, leave


def test_leaves_words_where_the_kubelet_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "termination-log"
    file.touch()
    leave("ModelDamaged", "must be “whole”", file)
    assert json.loads(file.read_text()) == {"reason": "ModelDamaged", "message": "must be “whole”"}


@pytest.mark.parametrize("character", ["x", "“", "\U0001f600", '"'])
def test_leaves_no_more_than_the_kubelet_reads(tmp_path: Path, character: str) -> None:
    file = tmp_path / "termination-log"
    file.touch()
    leave("ModelRefused", character * 5000, file)
    assert len(file.read_bytes()) <= MOST_BYTES
    message = json.loads(file.read_text())["message"]
    assert message.endswith("…")
    assert len(message) > 300


def test_outside_of_a_pod_nothing_takes_them(tmp_path: Path) -> None:
    leave("ModelRefused", "no", tmp_path / "termination-log")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("InvalidConfig", ExitCode.BAD_SPEC),
        ("ModelDamaged", ExitCode.BAD_DATA),
        ("StorageRefused", ExitCode.REFUSED),
        ("StorageUnreachable", 69),
    ],
)
def test_ends_by_whose_fault_it_is(reason: Reason, code: int) -> None:
    ended = Ended(reason, "found \x1b[31m")
    assert (ended.exit_code, ended.message) == (code, r"found \x1b[31m")
