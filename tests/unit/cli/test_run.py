"""`epochal run`: the trainer as a process, with folders in place of buckets."""

import io
import sys
from pathlib import Path

import pytest
from epochal import extras, local_training
from epochal.__main__ import run
from epochal.environment import Environment

from tests.unit.cli.commands import epochal
from tests.unit.cli.test_manifests import DIGITS


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands of the trainer, which a fake runs: it stores a model."""
    found: list[list[str]] = []

    def fake(command: list[str], _: object) -> int:
        found.append(command)
        model = Path(command[-1]) / "default" / "digits" / "uid" / "model.keras"
        model.parent.mkdir(parents=True)
        model.touch()
        return 0

    monkeypatch.setattr(local_training, "_run", fake)
    (tmp_path / "job.yaml").write_text(DIGITS)
    return found


def test_the_default_folders(tmp_path: Path, commands: list[list[str]]) -> None:
    code, output, _ = epochal("run", "job.yaml", folder=tmp_path)
    assert (code, output) == (0, f"{tmp_path}/results/default/digits/uid\n")
    assert commands[0][-5:] == [f"{tmp_path}/job.yaml", "--data", str(tmp_path), "--results", f"{tmp_path}/results"]


def test_a_folder_with_the_name_of_the_bucket(tmp_path: Path, commands: list[list[str]]) -> None:
    (tmp_path / "digits-data").mkdir()
    assert epochal("run", "job.yaml", "--results", "other", folder=tmp_path).exit_code == 0
    assert commands[0][-4:] == ["--data", f"{tmp_path}/digits-data", "--results", f"{tmp_path}/other"]


def test_a_missing_folder(tmp_path: Path, commands: list[list[str]]) -> None:
    code, _, errors = epochal("run", "job.yaml", "--data", "missing", folder=tmp_path)
    assert (code, commands) == (1, [])
    assert errors == (f"epochal: {tmp_path}/missing is not a folder\nGive the folder with digits.npz: --data FOLDER\n")


def test_problems_of_the_file_start_no_trainer(tmp_path: Path, commands: list[list[str]]) -> None:
    (tmp_path / "job.yaml").write_text(DIGITS.replace("Flatten", "Flaten"))
    code, _, errors = epochal("run", "job.yaml", folder=tmp_path)
    assert (code, commands) == (1, [])
    assert "keras.layers has no Flaten; did you mean Flatten?" in errors


def test_without_the_trainer(tmp_path: Path, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    code, _, errors = epochal("run", "job.yaml", folder=tmp_path)
    assert (code, commands) == (1, [])
    assert errors.endswith("or install the wheels of epochal-trainer, as in docs/command.md.\n")
    assert epochal("check", "--shapes", "job.yaml", folder=tmp_path).exit_code == 1


@pytest.mark.parametrize(("trainer_code", "code"), [(0, 0), (65, 1), (143, 130)])
def test_exit_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trainer_code: int, code: int) -> None:
    (tmp_path / "job.yaml").write_text(DIGITS)
    script = f"import sys; print('a line of the log'); sys.exit({trainer_code})"
    (tmp_path / "python").write_text(f"#!{sys.executable}\n{script}\n")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    found, _, errors = epochal("run", "job.yaml", folder=tmp_path)
    assert found == code
    assert errors.startswith("a line of the log\n")


class Interrupted(io.StringIO):
    """A terminal on which the user presses Ctrl-C at the first line."""

    is_interrupted = False

    def write(self, text: str) -> int:
        if not self.is_interrupted:
            self.is_interrupted = True
            raise KeyboardInterrupt
        return super().write(text)


def test_ctrl_c_waits_for_the_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "job.yaml").write_text(DIGITS)
    script = """
import signal, sys
def stop(*_):
    print("stored a checkpoint", flush=True)
    sys.exit(143)
signal.signal(signal.SIGTERM, stop)
print("started", flush=True)
signal.pause()
"""
    (tmp_path / "python").write_text(f"#!{sys.executable}\n{script}")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    errors = Interrupted()
    environment = Environment(stdin=io.StringIO(), stdout=io.StringIO(), stderr=errors, folder=tmp_path, variables={})
    assert run(["run", "job.yaml"], environment) == 130
    assert errors.getvalue() == "stored a checkpoint\n"
