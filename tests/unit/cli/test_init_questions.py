"""The questions of `epochal init` in a terminal."""

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from epochal.__main__ import run
from epochal.environment import Environment
from epochal.manifests import check

from tests.unit.cli.test_init import last


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def answer(folder: Path, *answers: str) -> tuple[int, str]:
    errors = io.StringIO()
    answers_in = Terminal("".join(f"{text}\n" for text in answers))
    environment = Environment(stdin=answers_in, stdout=Terminal(), stderr=errors, folder=folder, variables={})
    return run(["init"], environment), errors.getvalue()


def test_questions(tmp_path: Path) -> None:
    code, text = answer(tmp_path, "gray", "wide", "28x28", "", "4", "")
    assert code == 0, text
    assert "How many pixels, as HEIGHTxWIDTH? [28x28] Answer with two whole numbers, such as 28x28.\n" in text
    spec = yaml.safe_load((tmp_path / "training.yaml").read_text())["spec"]
    assert check(tmp_path / "training.yaml") == []
    assert (spec["network"]["input"], last(spec)[0]) == ({"shape": [28, 28, 1]}, 4)
    assert spec["data"]["train"] == {"object": "train.npz"}


@pytest.mark.parametrize(
    "answers", [("table", "5", "number", "2", "a.npz"), ("text", "class", "2", ""), ("color",) + ("",) * 5]
)
def test_each_answer_gives_a_training_job(tmp_path: Path, answers: tuple[str, ...]) -> None:
    code, text = answer(tmp_path, *answers)
    assert code == 0, text
    assert check(tmp_path / "training.yaml") == []


def test_questions_end(tmp_path: Path) -> None:
    assert answer(tmp_path, "table")[0] == 2
    assert answer(tmp_path, *["nothing"] * 9)[0] == 2


def test_answers_in_a_real_terminal(tmp_path: Path) -> None:
    screen, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "epochal", "init", "--name", "shapes"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        cwd=tmp_path,
    ) as process:
        os.write(screen, b"color\n32x32\nclass\n4\ntrain.npz\n")
        assert process.wait(60) == 0
    os.close(terminal)
    shown = os.read(screen, 4096).decode()
    os.close(screen)
    assert "What is a sample? (table, gray, color, text) [table] " in shown
    assert shown.endswith("shapes.yaml\r\n")
    assert check(tmp_path / "shapes.yaml") == []
