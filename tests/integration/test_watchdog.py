"""Hangs end the process, so each has one of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from epochal_trainer.reporting.termination_message import TerminationMessage
from epochal_trainer.training.watchdog import EXIT_CODE, Watchdog

START = """
import ctypes, logging, sys, threading, time
from pathlib import Path
from epochal_trainer.training import watchdog
from epochal_trainer.reporting.termination_message import TerminationMessage
logging.basicConfig(stream=sys.stdout, format="%(message)s")
beats = watchdog.Watchdog(TerminationMessage(Path(sys.argv[1])))
beats.record_step(3, 16)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "termination-log").touch()
    return tmp_path / "termination-log"


def started(path: Path, program: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", START + program, str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    printed, errors = process.communicate(timeout=120)  # a hang would take longer
    return process.returncode, printed, errors


def read_termination(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text())
    assert isinstance(found, dict)
    return found


HANG = """
def hang():
    time.sleep(600)
other = threading.Thread(target=time.sleep, args=(600,), name="someone else", daemon=True)
other.start()
with beats.watch(1):
    beats.record_step(3, 17)
    hang()
"""


def test_a_hanging_training_ends_with_its_position_and_stack(path: Path) -> None:
    code, printed, _ = ended(started(path, HANG))
    assert code == EXIT_CODE == 75
    assert read_termination(path)["reason"] == "Hanging"
    assert read_termination(path)["position"] == {"epoch": 3, "step": 17}
    assert "no step was finished for 1 s" in read_termination(path)["message"]
    assert "after step 17 of epoch 4" in read_termination(path)["message"]
    assert ": the training hangs at " in read_termination(path)["message"]
    assert "in hang" in read_termination(path)["message"]
    assert "Stack of thread MainThread:" in printed
    assert "Stack of thread someone else:" in printed


def test_the_message_names_the_work_that_hangs(path: Path) -> None:
    ended(started(path, HANG.replace("watch(1)", 'watch(1, "evaluation")')))
    assert ": the evaluation hangs at " in read_termination(path)["message"]


LOCKED = """
import os
reading, writing = os.pipe()
class Stuck:
    def write(self, text): os.read(reading, 1)
    def flush(self): pass
logging.getLogger().handlers[0].setStream(Stuck())
watchdog.REPORT_SECONDS = 1.0
with beats.watch(1):
    logging.warning("this takes for ever, and keeps the lock of all logging")
"""


def test_a_hanging_log_does_not_block_the_end(path: Path) -> None:
    code, _, _ = ended(started(path, LOCKED))
    assert code == EXIT_CODE
    assert read_termination(path)["reason"] == "Hanging"


GIL = """
watchdog.GIL_HANG_SECONDS = 0.0
with beats.watch(1):
    ctypes.PyDLL(None).sleep(600)  # keeps Python's lock
"""


def test_a_hang_that_holds_the_gil_is_ended(path: Path) -> None:
    code, _, errors = ended(started(path, GIL))
    assert code == 1
    assert "<module>" in errors
    assert (read_termination(path)["reason"], read_termination(path)["position"]) == (
        "Unfinished",
        {"epoch": 3, "step": 16},
    )


STOPPED = """
with beats.watch(2):
    print("ready", flush=True)
    for step in range(5):
        time.sleep(0.5)
        beats.record_step(3, step)
print("done")
"""


def test_the_time_of_a_stopped_process_does_not_count(path: Path) -> None:
    process = started(path, STOPPED)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(3)
    os.kill(process.pid, signal.SIGCONT)
    code, printed, errors = ended(process)
    assert (code, printed) == (0, "done\n"), errors


UNWATCHED = """
with beats.watch(2):
    for step in range(5):
        time.sleep(0.5)
        beats.record_step(4, step)
time.sleep(3)
print("done")
"""


def test_only_watched_code_can_hang(path: Path) -> None:
    code, printed, errors = ended(started(path, UNWATCHED))
    assert (code, printed) == (0, "done\n"), errors


def test_a_step_costs_less_than_50_microseconds(path: Path) -> None:
    watchdog = Watchdog(TerminationMessage(path))
    watchdog.record_step(0, 0)
    best = 1.0
    for _ in range(20):
        began = time.thread_time()
        for step in range(500):
            watchdog.record_step(1, step)
        best = min(best, (time.thread_time() - began) / 500)
    assert best < 50e-6
