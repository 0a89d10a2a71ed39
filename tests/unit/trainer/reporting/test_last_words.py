import json
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from epochal_api.pod import MAX_TERMINATION_BYTES
from epochal_api.trainingjob.report import UNFINISHED, Position, Report, Termination, decode_termination
from epochal_trainer.reporting.last_words import LastWords

LONG = "Fehler über " * 1000
REPORT = Report(attempt=1, sequence=4, stage="Training", epochs=3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "termination-log").touch()
    return tmp_path / "termination-log"


def left(path: Path) -> Termination:
    words = decode_termination(path.read_text())
    assert words is not None
    return words


def test_the_last_words_can_be_read_again(path: Path) -> None:
    LastWords(path).leave("Completed", "done", REPORT)
    assert left(path) == Termination(reason="Completed", message="done", report=REPORT)


def test_they_fit_into_what_the_kubelet_keeps(path: Path) -> None:
    LastWords(path).leave("InvalidNetwork", LONG)
    assert path.stat().st_size <= MAX_TERMINATION_BYTES
    assert json.loads(path.read_text())["reason"] == "InvalidNetwork"


def test_a_killed_trainer_has_left_its_position_and_its_report(path: Path) -> None:
    words = LastWords(path)
    words.prepare(REPORT)
    assert (left(path).reason, left(path).position, left(path).report) == (UNFINISHED, None, REPORT)
    for epoch, step in ((0, 1), (3, 210), (10**6, 10**9), (4, 0)):
        words.place(epoch, step)
        assert left(path) == left(path).model_copy(update={"position": Position(epoch=epoch, step=step)})
    words.prepare(REPORT.model_copy(update={"epoch": 4}))
    assert left(path).position == Position(epoch=4, step=0)
    assert left(path).report == REPORT.model_copy(update={"epoch": 4})


def test_a_position_needs_no_report(path: Path) -> None:
    words = LastWords(path)
    words.place(2, 17)
    assert left(path).position == words.position == Position(epoch=2, step=17)


def test_words_in_advance_fit_too(path: Path) -> None:
    words = LastWords(path)
    metrics = {f"metric {number} of {'x' * 90}": 0.125 for number in range(64)}
    words.prepare(REPORT.model_copy(update={"metrics": metrics}))
    words.place(10**9, 10**12)
    assert path.stat().st_size <= MAX_TERMINATION_BYTES
    assert left(path).position == Position(epoch=10**9, step=10**12)


def test_shorter_words_leave_nothing_of_longer_ones(path: Path) -> None:
    words = LastWords(path)
    words.prepare(REPORT.model_copy(update={"metrics": {"x" * 100: 1.0}}))
    words.prepare(REPORT)
    assert left(path).report == REPORT
    words.leave("Completed", "done")
    assert left(path) == Termination(reason="Completed", message="done", report=REPORT)


def test_nothing_replaces_the_last_words(path: Path) -> None:
    words = LastWords(path)
    words.place(1, 2)
    words.leave("Crashed", "ValueError: x")
    words.place(9, 9)
    words.prepare(REPORT)
    words.leave("Completed", "done")
    assert left(path) == Termination(reason="Crashed", message="ValueError: x", position=Position(epoch=1, step=2))


REFRESHING = """
import sys, threading
from pathlib import Path
from epochal_api.trainingjob.report import Report
from epochal_trainer.reporting.last_words import LastWords
words = LastWords(Path(sys.argv[1]))

def prepare(number):
    metrics = {"x" * (number % 99 + 1): 1.0}
    words.prepare(Report(attempt=1, sequence=number, stage="Training", epochs=3, metrics=metrics))

words.place(1, 0)
prepare(0)
print("prepared", flush=True)
threading.Thread(target=lambda: [prepare(number) for number in range(10**9)]).start()
for step in range(10**9):
    words.place(1, step)
"""


def test_a_kill_at_any_moment_leaves_words_behind(path: Path, moment: random.Random) -> None:
    # Nobody reads while it is written: the kubelet does so once the container has ended.
    for _ in range(8):
        with subprocess.Popen([sys.executable, "-c", REFRESHING, path], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline()
            time.sleep(moment.uniform(0.01, 0.05))
            process.kill()
        words = left(path)
        assert words.reason == UNFINISHED
        assert words.position is not None
        assert words.position.epoch == 1
        assert words.report is not None


def test_no_position_is_lost_to_a_report_that_is_taken_meanwhile(path: Path) -> None:
    words = LastWords(path)

    def refresh() -> None:
        for number in range(20):
            words.prepare(REPORT.model_copy(update={"sequence": number, "metrics": {"x" * (5 * number + 1): 1.0}}))

    for step in range(0, 2000, 20):
        refreshing = threading.Thread(target=refresh)
        refreshing.start()
        for further in range(20):
            words.place(1, step + further)
        refreshing.join()
        assert left(path).position == Position(epoch=1, step=step + 19)


def test_nothing_is_left_outside_of_a_pod(tmp_path: Path) -> None:
    words = LastWords(tmp_path / "termination-log")
    words.prepare(REPORT)
    words.place(1, 2)
    words.leave("Completed", "")
    assert list(tmp_path.iterdir()) == []
    assert words.position == Position(epoch=1, step=2)


def test_a_full_disk_ends_no_training(caplog: pytest.LogCaptureFixture) -> None:
    words = LastWords(Path("/dev/full"))
    words.prepare(REPORT)
    words.place(1, 2)
    words.leave("Completed", "done")
    assert caplog.text.count("could not be written") == 1
