from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from epochal_api.pod import ACCESS_KEY_ENV, SECRET_KEY_ENV, SESSION_TOKEN_ENV
from epochal_api.trainingjob.report import Export
from epochal_trainer.export import process, worker
from epochal_trainer.export.prefork import BEGUN
from epochal_trainer.export.request import Request
from epochal_trainer.lib.signals import TerminationRequest


@pytest.fixture
def request_for(tmp_path: Path) -> Request:
    return Request(models=[], formats=["onnx"], samples=None, image=None, folder=tmp_path)


def run(request: Request, program: str, free_memory: Callable[[], int] = lambda: 2**40) -> Export:
    return process.run(request, TerminationRequest(), free_memory=free_memory, program=("-c", program))


def test_the_process_gets_no_credentials_and_no_gpu() -> None:
    variables = {
        ACCESS_KEY_ENV: "key",
        SECRET_KEY_ENV: "secret",
        SESSION_TOKEN_ENV: "token",
        "PATH": "/bin",
    }
    found = worker.environment(variables)
    assert {name: found[name] for name in ("PATH", "CUDA_VISIBLE_DEVICES", "KERAS_BACKEND")} == {
        "PATH": "/bin",
        "CUDA_VISIBLE_DEVICES": "-1",
        "KERAS_BACKEND": "tensorflow",
    }
    assert not {"key", "secret", "token"} & set(found.values())


def test_the_process_is_not_started_without_free_memory(request_for: Request) -> None:
    outcome = process.run(request_for, TerminationRequest(), free_memory=lambda: 300 * 2**20)
    assert outcome.reason == "ExportFailed"
    assert "314.6 MB are free, and it needs 385.9 MB" in outcome.message
    assert not list(request_for.folder.iterdir())


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (
            "import sys; print('no', flush=True); sys.exit('ImportError: no tf2onnx')",
            "exit code 1: ImportError: no tf2onnx",
        ),
        ("pass", "the export process ended with exit code 0"),
        ("import os; os.kill(os.getpid(), 9)", "the export process was killed by signal 9; if memory was short"),
        ("open('outcome.json', 'w').write('{')", "the export process ended with exit code 0"),
    ],
)
def test_an_end_without_outcome_is_reported(request_for: Request, program: str, message: str) -> None:
    outcome = run(request_for, program)
    assert outcome.reason == "ExportFailed"
    assert message in outcome.message
    assert (outcome.exports, outcome.signature) == ([], None)


def test_the_outcome_is_read(request_for: Request) -> None:
    program = """open('outcome.json', 'w').write('{"reason": "Exported", "message": "all"}')"""
    outcome = run(request_for, program)
    assert (outcome.reason, outcome.message) == ("Exported", "all")


class Forked:
    """A forked export process, which ends with an exit code after its request, or before.

    Args:
        code: The exit code if the process ends before its request.
        takes_order: Whether it still reads request_pipe.
        killed: Whether the kernel kills it after its request.
        begins: Whether it begins to export before it is killed.
    """

    def __init__(
        self, code: int | None = None, *, takes_order: bool = True, killed: bool = False, begins: bool = True
    ) -> None:
        self.code, self.takes_order, self.killed, self.begins = code, takes_order, killed, begins

    def poll(self) -> int | None:
        return self.code

    def send_request(self, request: Path) -> bool:
        if self.begins:
            (request.parent / BEGUN).touch()
        if self.killed:
            self.code = -9
        elif self.takes_order:
            (request.parent / "outcome.json").write_text('{"reason": "Exported", "message": "by the fork"}')
            self.code = 0
        return self.takes_order

    def kill(self) -> None:
        pass

    def wait(self) -> int:
        return self.code or 0


NEW = """open('outcome.json', 'w').write('{"reason": "Exported", "message": "by a new process"}')"""


@pytest.mark.parametrize(
    ("forked", "free", "message"),
    [
        (Forked(), 2**40, "by the fork"),
        (Forked(), 200 * 2**20, "by the fork"),  # it needs less, because it has imported TensorFlow
        (Forked(), 150 * 2**20, "not enough memory"),
        (Forked(-9), 2**40, "by a new process"),
        (Forked(-9), 200 * 2**20, "not enough memory"),
        (Forked(takes_order=False), 2**40, "by a new process"),
        (Forked(killed=True, begins=False), 2**40, "by a new process"),
        (Forked(killed=True, begins=False), 200 * 2**20, "not enough memory"),
        (Forked(killed=True), 2**40, "the export process was killed by signal 9"),
    ],
)
def test_the_forked_process_exports_while_it_lives(request_for: Request, forked: Any, free: int, message: str) -> None:
    outcome = process.run(request_for, TerminationRequest(), forked, free_memory=lambda: free, program=("-c", NEW))
    assert message in outcome.message


SLEEP = "import time; time.sleep(60)"


def test_the_process_is_killed_before_memory_is_exhausted(request_for: Request) -> None:
    free_memory = iter([2**40, 2**40, 2**40, 10 * 2**20])
    outcome = run(request_for, SLEEP, lambda: next(free_memory))
    assert "only 10.5 MB of memory were free: raise spec.resources.limits.memory" in outcome.message


def test_the_process_is_killed_at_the_timeout(request_for: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "TIMEOUT_SECONDS", 0.1)
    assert "the export took longer than 0.1s" in run(request_for, SLEEP).message


def test_the_timeout_is_shorter_after_sigterm(request_for: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "TERMINATION_SECONDS", 0.1)
    monkeypatch.setattr(TerminationRequest, "seconds", 0.2)
    assert "after SIGTERM" in run(request_for, SLEEP).message
