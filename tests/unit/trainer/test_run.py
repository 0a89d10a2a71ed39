"""The end of a run that fails before it imports Keras."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from epochal_trainer import backend
from epochal_trainer import run as module
from epochal_trainer.lib.failures import Failure, refused_failure
from epochal_trainer.lib.signals import WaitAborted
from epochal_trainer.reporting import log as logs
from epochal_trainer.reporting.attempts import open_results
from epochal_trainer.reporting.termination_message import TerminationMessage

DOCUMENT = {
    "apiVersion": "epochal.dev/v1alpha1",
    "kind": "TrainingJob",
    "metadata": {"name": "tiny", "namespace": "lab"},
    "spec": {
        "storage": {"secretRef": {"name": "none"}},
        "data": {"bucket": "data", "train": {"object": "tiny.npz"}},
        "network": {"input": {"shape": [6]}, "layers": [{"layer": "Dense", "units": 2}]},
        "training": {"epochs": 3, "loss": "MeanSquaredError"},
        "results": {"bucket": "results"},
    },
}


def refuse(*_: object) -> None:
    raise refused_failure("InvalidNetwork", "no such layer")


@pytest.fixture(autouse=True)
def isolated(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the log and the signal handlers of the test process."""
    monkeypatch.setattr(logs, "start", lambda path, _: path.write_text("the log"))
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def termination(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (path := tmp_path / "termination-log").touch()
    monkeypatch.setattr(module, "TerminationMessage", lambda: TerminationMessage(path))
    return path


def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a TrainingJob that fails before the import of Keras, and return the exit code."""
    monkeypatch.setattr(backend, "check_memory", refuse)
    (folder / "job.json").write_text(json.dumps(DOCUMENT))
    return module.run(folder / "job.json", module.Folders(folder / "data", folder / "results"))


def test_the_cause_is_written_before_the_log_is_stored(
    tmp_path: Path, termination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    during: list[Any] = []

    def read_and_open(*arguments: Any) -> Any:
        during.append(json.loads(termination.read_text()))
        return open_results(*arguments)

    monkeypatch.setattr(module, "open_results", read_and_open)
    assert run(tmp_path, monkeypatch) == 77
    (found,) = during
    assert (found["reason"], found["message"]) == ("InvalidNetwork", "no such layer")
    assert json.loads(termination.read_text()).items() >= found.items()
    (log,) = (tmp_path / "results").rglob("training.log")
    assert log.read_text() == "the log"


def storage_error(*_: object) -> None:
    raise Failure("StorageError", "the bucket is gone", 75)


def abort(*_: object) -> None:
    raise WaitAborted


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (storage_error, "The log is not stored: the bucket is gone"),
        (abort, "The log is not stored: the storage does not"),
    ],
)
def test_a_log_that_is_not_stored_has_a_line(  # noqa: PLR0917 - fixtures and cases
    tmp_path: Path,
    termination: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Callable[..., None],
    line: str,
) -> None:
    monkeypatch.setattr(module, "open_results", error)
    assert run(tmp_path, monkeypatch) == 77
    assert line in caplog.text
    assert json.loads(termination.read_text())["reason"] == "InvalidNetwork"


def test_a_pod_before_its_attempt_keeps_the_log_of_an_earlier_attempt(
    tmp_path: Path, termination: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run(tmp_path, monkeypatch)
    (log,) = (tmp_path / "results").rglob("training.log")
    log.write_text("the log of an earlier attempt")
    (log.parent / "attempts").mkdir()
    (log.parent / "attempts/1-other.json").write_text("{}")
    caplog.clear()
    assert run(tmp_path, monkeypatch) == 77
    assert "The log is not stored: the results belong to an attempt of another pod" in caplog.text
    assert log.read_text() == "the log of an earlier attempt"
    assert json.loads(termination.read_text())["reason"] == "InvalidNetwork"
