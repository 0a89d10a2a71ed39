"""The report command writes its termination message, also if SIGTERM arrives at the end."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from epochal_lib import fatal_error
from epochal_trainer.experiment import run as module
from epochal_trainer.lib.failures import refused_failure
from epochal_trainer.reporting import log as logs

from tests.unit.trainer.experiment.reports import SMALL

Write = Callable[..., str]


def done(*_: object) -> str:
    return "5 trials reported"


def fail(*_: object) -> str:
    raise refused_failure("ResultsNotWritable", "the bucket is full")


def stop(*_: object) -> str:
    signal.raise_signal(signal.SIGTERM)
    return "unreachable"


@pytest.fixture(autouse=True)
def isolated(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the log and the signal handlers of the test process."""
    monkeypatch.setattr(logs, "start", lambda *_: None)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("signalled", [False, True], ids=["no signal", "SIGTERM before the message"])
@pytest.mark.parametrize(
    ("write", "reason", "code"),
    [(done, "Completed", 0), (fail, "ResultsNotWritable", 77), (stop, "Terminated", 143)],
    ids=["done", "failed", "stopped"],
)
def test_the_termination_message_is_written(  # noqa: PLR0917 - fixtures and cases
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write: Write,
    reason: str,
    code: int,
    signalled: bool,  # noqa: FBT001
) -> None:
    (termination := tmp_path / "termination-log").touch()
    original = fatal_error.write_termination_message

    def write_message(reason: str, message: str, *_: Any) -> None:
        if signalled:
            signal.raise_signal(signal.SIGTERM)
        original(reason, message, termination)

    for owner in (module, fatal_error):
        monkeypatch.setattr(owner, "write_termination_message", write_message)
    monkeypatch.setattr(module, "write", write)
    monkeypatch.setattr(module, "_read", lambda _: SMALL)
    assert module.run(tmp_path / "report", tmp_path) == code
    assert json.loads(termination.read_text())["reason"] == reason
