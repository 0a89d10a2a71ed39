"""What the process that exports is given, and what is told of it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from epochal_api.pod import ACCESS_KEY_ENV, SECRET_KEY_ENV, SESSION_TOKEN_ENV
from epochal_api.trainingjob.report import Export
from epochal_trainer.export import child
from epochal_trainer.export.request import Request
from epochal_trainer.lib.signals import Stopping


@pytest.fixture
def request_for(tmp_path: Path) -> Request:
    return Request(models=[], formats=["onnx"], samples=None, image=None, folder=tmp_path)


def run(request: Request, program: str, left: Callable[[], int] = lambda: 2**40) -> Export:
    return child.run(request, Stopping(), left=left, program=("-c", program))


def test_it_gets_no_credentials_and_no_gpu() -> None:
    given = {
        ACCESS_KEY_ENV: "key",
        SECRET_KEY_ENV: "secret",
        SESSION_TOKEN_ENV: "token",
        "PATH": "/bin",
    }
    found = child.environment(given)
    assert {name: found[name] for name in ("PATH", "CUDA_VISIBLE_DEVICES", "KERAS_BACKEND")} == {
        "PATH": "/bin",
        "CUDA_VISIBLE_DEVICES": "-1",
        "KERAS_BACKEND": "tensorflow",
    }
    assert not {"key", "secret", "token"} & set(found.values())


def test_it_is_not_begun_where_memory_is_short(request_for: Request) -> None:
    outcome = child.run(request_for, Stopping(), left=lambda: 300 * 2**20)
    assert outcome.reason == "ExportFailed"
    assert outcome.message.startswith("314.6 MB of memory are left for the export, which takes 385.9 MB")
    assert not list(request_for.folder.iterdir())


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (
            "import sys; print('no', flush=True); sys.exit('ImportError: no tf2onnx')",
            "exit code 1: ImportError: no tf2onnx",
        ),
        ("pass", "its process ended with exit code 0"),
        ("import os; os.kill(os.getpid(), 9)", "its process was killed by signal 9; was it short of memory"),
        ("open('outcome.json', 'w').write('{')", "its process ended with exit code 0"),
    ],
)
def test_however_it_ends_is_told(request_for: Request, program: str, said: str) -> None:
    outcome = run(request_for, program)
    assert outcome.reason == "ExportFailed"
    assert said in outcome.message
    assert (outcome.exports, outcome.signature) == ([], None)


def test_what_it_leaves_is_what_became_of_it(request_for: Request) -> None:
    program = """open('outcome.json', 'w').write('{"reason": "Exported", "message": "all"}')"""
    outcome = run(request_for, program)
    assert (outcome.reason, outcome.message) == ("Exported", "all")


SLEEP = "import time; time.sleep(60)"


def test_it_is_ended_before_memory_is_gone(request_for: Request) -> None:
    left = iter([2**40, 2**40, 2**40, 10 * 2**20])
    outcome = run(request_for, SLEEP, lambda: next(left))
    assert "only 10.5 MB of memory were left: raise spec.resources.limits.memory" in outcome.message


def test_it_has_so_much_time(request_for: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "LONGEST_SECONDS", 0.1)
    assert "it took longer than 0.1s" in run(request_for, SLEEP).message


def test_it_has_less_once_the_trainer_is_told_to_stop(request_for: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "STOPPING_SECONDS", 0.1)
    monkeypatch.setattr(Stopping, "seconds", 0.2)
    assert "the trainer was told to stop" in run(request_for, SLEEP).message
