import json
import multiprocessing
import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from epochal_api.pod import MAX_TERMINATION_BYTES
from epochal_api.trainingjob.report import UNFINISHED, Position, Report, Termination, decode_termination
from epochal_trainer.reporting import termination_message
from epochal_trainer.reporting.termination_message import TerminationMessage

LONG = "Fehler über " * 1000
REPORT = Report(attempt=1, sequence=4, stage="Training", epochs=3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "termination-log").touch()
    return tmp_path / "termination-log"


def read_message(path: Path) -> Termination:
    message = decode_termination(path.read_text())
    assert message is not None
    return message


def test_the_final_message_can_be_decoded(path: Path) -> None:
    TerminationMessage(path).write_final("Completed", "done", REPORT)
    assert read_message(path) == Termination(reason="Completed", message="done", report=REPORT)


def test_a_long_message_is_truncated_to_the_limit_of_the_kubelet(path: Path) -> None:
    TerminationMessage(path).write_final("InvalidNetwork", LONG)
    assert path.stat().st_size <= MAX_TERMINATION_BYTES
    assert json.loads(path.read_text())["reason"] == "InvalidNetwork"


def test_the_advance_message_has_position_and_report(path: Path) -> None:
    message = TerminationMessage(path)
    message.write_preliminary(REPORT)
    assert (read_message(path).reason, read_message(path).position, read_message(path).report) == (
        UNFINISHED,
        None,
        REPORT,
    )
    for epoch, step in ((0, 1), (3, 210), (10**6, 10**9), (4, 0)):
        message.set_position(epoch, step)
        assert read_message(path) == read_message(path).model_copy(
            update={"position": Position(epoch=epoch, step=step)}
        )
    message.write_preliminary(REPORT.model_copy(update={"epoch": 4}))
    assert read_message(path).position == Position(epoch=4, step=0)
    assert read_message(path).report == REPORT.model_copy(update={"epoch": 4})


def test_the_advance_message_has_a_position_without_a_report(path: Path) -> None:
    message = TerminationMessage(path)
    message.set_position(2, 17)
    assert read_message(path).position == message.position == Position(epoch=2, step=17)


def test_the_advance_message_has_at_most_the_limit_of_the_kubelet(path: Path) -> None:
    message = TerminationMessage(path)
    metrics = {f"metric {number} of {'x' * 90}": 0.125 for number in range(64)}
    message.write_preliminary(REPORT.model_copy(update={"metrics": metrics}))
    message.set_position(10**9, 10**12)
    assert path.stat().st_size <= MAX_TERMINATION_BYTES
    assert read_message(path).position == Position(epoch=10**9, step=10**12)


def test_a_shorter_message_replaces_a_longer_one(path: Path) -> None:
    message = TerminationMessage(path)
    message.write_preliminary(REPORT.model_copy(update={"metrics": {"x" * 100: 1.0}}))
    message.write_preliminary(REPORT)
    assert read_message(path).report == REPORT
    message.write_final("Completed", "done")
    assert read_message(path) == Termination(reason="Completed", message="done", report=REPORT)


def test_the_cause_of_a_failure_stays_in_later_messages(path: Path) -> None:
    message = TerminationMessage(path)
    message.set_position(1, 2)
    message.write_cause("InvalidNetwork", "no such layer")
    expected = Termination(reason="InvalidNetwork", message="no such layer", position=Position(epoch=1, step=2))
    assert read_message(path) == expected
    message.write_preliminary(REPORT)
    assert read_message(path) == expected.model_copy(update={"report": REPORT})
    message.write_final("InvalidNetwork", "no such layer", REPORT)
    assert read_message(path) == expected.model_copy(update={"report": REPORT})


def test_a_long_cause_is_truncated_to_the_limit_of_the_kubelet(path: Path) -> None:
    TerminationMessage(path).write_cause("InvalidNetwork", LONG)
    assert path.stat().st_size <= MAX_TERMINATION_BYTES
    assert read_message(path).reason == "InvalidNetwork"


def test_the_cause_is_written_while_another_write_hangs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(termination_message, "LOCK_SECONDS", 0.01)
    message = TerminationMessage(path)
    with message._lock:
        message.write_cause("InvalidNetwork", "no such layer")
    assert read_message(path).reason == "InvalidNetwork"


def test_the_final_message_is_not_replaced(path: Path) -> None:
    message = TerminationMessage(path)
    message.set_position(1, 2)
    message.write_final("Crashed", "ValueError: x")
    message.set_position(9, 9)
    message.write_preliminary(REPORT)
    message.write_final("Completed", "done")
    assert read_message(path) == Termination(
        reason="Crashed", message="ValueError: x", position=Position(epoch=1, step=2)
    )


def write_until_killed(path: Path, started: Any) -> None:
    message = TerminationMessage(path)

    def write_reports() -> None:
        for number in range(10**9):
            metrics = {"x" * (number % 99 + 1): 1.0}
            message.write_preliminary(REPORT.model_copy(update={"sequence": number, "metrics": metrics}))
            started.set()

    message.set_position(1, 0)
    threading.Thread(target=write_reports).start()
    for step in range(10**9):
        message.set_position(1, step)


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")  # Python 3.12
def test_the_message_is_valid_after_a_kill_at_any_moment(path: Path, moment: random.Random) -> None:
    # Nobody reads while it is written: the kubelet does so once the container has ended.
    forking = multiprocessing.get_context("fork")  # a new interpreter would take seconds to import the trainer
    for _ in range(8):
        started = forking.Event()
        process = forking.Process(target=write_until_killed, args=(path, started), daemon=True)
        process.start()
        assert started.wait(10)
        time.sleep(moment.uniform(0.01, 0.05))
        process.kill()
        process.join()
        message = read_message(path)
        assert message.reason == UNFINISHED
        assert message.position is not None
        assert message.position.epoch == 1
        assert message.report is not None


def test_a_concurrent_report_does_not_lose_the_position(path: Path) -> None:
    message = TerminationMessage(path)

    def refresh() -> None:
        for number in range(20):
            message.write_preliminary(
                REPORT.model_copy(update={"sequence": number, "metrics": {"x" * (5 * number + 1): 1.0}})
            )

    for step in range(0, 2000, 20):
        refreshing = threading.Thread(target=refresh)
        refreshing.start()
        for further in range(20):
            message.set_position(1, step + further)
        refreshing.join()
        assert read_message(path).position == Position(epoch=1, step=step + 19)


def test_nothing_is_written_outside_of_a_pod(tmp_path: Path) -> None:
    message = TerminationMessage(tmp_path / "termination-log")
    message.write_preliminary(REPORT)
    message.set_position(1, 2)
    message.write_final("Completed", "")
    assert list(tmp_path.iterdir()) == []
    assert message.position == Position(epoch=1, step=2)


def test_a_full_disk_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    message = TerminationMessage(Path("/dev/full"))
    message.write_preliminary(REPORT)
    message.set_position(1, 2)
    message.write_final("Completed", "done")
    assert caplog.text.count("Cannot write the termination message") == 1
