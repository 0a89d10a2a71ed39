"""The termination message of a process."""

import json
from pathlib import Path

import pytest
from epochal_api.pod import MAX_TERMINATION_BYTES, ExitCode
from epochal_lib.fatal_error import CRASHED, exit_code_of, write_termination_message
from epochal_lib.model_server.errors import Reason, ServeError


def test_writes_the_termination_message(tmp_path: Path) -> None:
    file = tmp_path / "termination-log"
    file.touch()
    write_termination_message("ModelDamaged", "must be “whole”", file)
    assert json.loads(file.read_text()) == {"reason": "ModelDamaged", "message": "must be “whole”"}


@pytest.mark.parametrize("character", ["x", "“", "\U0001f600", '"'])
def test_the_kubelet_does_not_cut_the_message(tmp_path: Path, character: str) -> None:
    file = tmp_path / "termination-log"
    file.touch()
    write_termination_message("ModelRefused", character * 5000, file)
    assert len(file.read_bytes()) <= MAX_TERMINATION_BYTES
    message = json.loads(file.read_text())["message"]
    assert message.endswith("…")
    assert len(message) > 300


def test_writes_no_file_outside_of_a_pod(tmp_path: Path) -> None:
    write_termination_message("ModelRefused", "no", tmp_path / "termination-log")
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
def test_the_exit_code_depends_on_the_reason(reason: Reason, code: int) -> None:
    error = ServeError(reason, "found \x1b[31m")
    assert (error.exit_code, error.message) == (code, r"found \x1b[31m")


def test_an_error_becomes_the_exit_code_and_a_redacted_message(tmp_path: Path) -> None:
    file = tmp_path / "termination-log"
    file.touch()

    def fail(error: Exception) -> int:
        raise error

    def redact(text: str) -> str:
        return text.replace("secret", "***")

    refused = ServeError("StorageRefused", "no secret")
    assert exit_code_of(lambda: fail(refused), redact, file) == ExitCode.REFUSED
    assert json.loads(file.read_text()) == {"reason": "StorageRefused", "message": "no ***"}
    assert exit_code_of(lambda: fail(KeyError("secret")), redact, file) == CRASHED
    crashed = json.loads(file.read_text())
    assert crashed["reason"] == "Crashed"
    assert crashed["message"].startswith("KeyError: '***'")
    assert exit_code_of(lambda: 3, redact, file) == 3
