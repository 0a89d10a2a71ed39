"""Faults of one trainer: its process, its pod, its memory, its disk, its clock."""

import os
import re
import signal
import time
from functools import partial

from tests.faults import cluster, faketime, node
from tests.faults.disturbed_training import Training, now
from tests.faults.scenario import Scenario, Span
from tests.faults.table import KILL, TERM
from tests.kit.kubectl import kubectl, wait

GONE_SECONDS = 150
"""Longer than the grace that a trainer has to end."""
GPUS = {"nvidia.com/gpu": 4}
MEMORY = 1536 * 2**20
VOLUME = 48 * 2**20
STALL_SECONDS = 5
FULL_SECONDS = 8
JUMPS = ("+3600", "-3600", "+0")
"""Seconds by which the clock is off, one after the other."""
JUMP_SECONDS = 3


def sigkill(training: Training) -> None:
    _end(training, signal.SIGKILL)


def sigterm(training: Training) -> None:
    """Sends SIGTERM to the trainer alone."""
    _end(training, signal.SIGTERM)


def _end(training: Training, number: signal.Signals) -> None:
    run = training.run
    os.kill(training.pid, number)
    _gone(training, run.uid)


def _gone(training: Training, uid: str) -> None:
    run = next(run for run in training.observer.runs if run.uid == uid)
    wait(f"the trainer of {run.pod} to end", lambda: run.ended is not None, seconds=GONE_SECONDS, every=0.05)


def delete_pod(training: Training) -> None:
    kubectl("delete", "pod", training.run.pod, "--namespace", training.namespace.name)


def evict(training: Training) -> None:
    uid = training.run.uid
    cluster.evict(training.namespace.name, training.run.pod)
    _gone(training, uid)


def drain(training: Training) -> None:
    cluster.drain(training.name)


def preempt(training: Training) -> None:
    """Lets a pod of higher priority take the trainer's GPUs for some seconds."""
    image = training.namespace.pods(training.name)[0]["spec"]["containers"][0]["image"]
    cluster.preempt(training.namespace.name, image, GPUS)


def suspend(training: Training) -> None:
    """Suspends the job, and resumes it once its pod is gone."""
    training.namespace.patch({"suspend": True}, training.name)
    training.namespace.wait_state("Suspended", name=training.name, seconds=GONE_SECONDS)
    wait("the pod to be gone", lambda: not training.namespace.pods(training.name), seconds=GONE_SECONDS)
    training.namespace.patch({"suspend": False}, training.name)


def out_of_memory(training: Training) -> None:
    """Has the kernel kill the trainer for memory."""
    run = training.run
    node.out_of_memory(training.pid, MEMORY)
    _gone(training, run.uid)


def hang(training: Training) -> None:
    """Stops the trainer's main thread until its watchdog has ended it."""
    run = training.run
    node.frozen(training.pid, seconds=STALL_SECONDS + 90)
    _gone(training, run.uid)


def fill_disk(training: Training) -> None:
    """Fills the trainer's volume to the last byte, for some seconds."""
    ballast = node.root(training.pid) / "scratch" / "ballast"
    assert os.statvfs(ballast.parent).f_blocks * os.statvfs(ballast.parent).f_frsize == VOLUME
    try:
        with ballast.open("wb", buffering=0) as file:
            for size in (2**16, 1):
                _fill(file.fileno(), size)
        time.sleep(FULL_SECONDS)
    finally:
        ballast.unlink(missing_ok=True)


def _fill(file: int, size: int) -> None:
    while True:
        try:
            os.write(file, bytes(size))
        except OSError:
            return


def jump(training: Training) -> Span:
    """Puts the trainer's clock on by an hour, back by an hour, and right again."""
    began = now()
    for seconds in JUMPS:
        file = node.root(training.pid) / faketime.FILE
        # It is read at any moment, and a partial file ends the process.
        unfinished = file.with_suffix(".unfinished")
        unfinished.write_text(f"{seconds}\n")
        unfinished.replace(file)
        time.sleep(JUMP_SECONDS)
    return began, now()


def _says_memory(training: Training) -> None:
    """Checks that an Event has the reason, the limit and the peak."""
    messages = [event["message"] for event in training.namespace.events(training.name)]
    pattern = rf"its limit is {MEMORY} \(spec\.resources\.limits\.memory\), and its last measured use was [\d.]+ [GM]iB"
    assert any(re.search(pattern, message) for message in messages), f"no Event tells limit and peak: {messages}"


SCENARIOS = (
    Scenario(KILL, sigkill, jobs=5, times=2),
    Scenario(TERM, sigterm, jobs=5, times=2, repeats=False),
    Scenario("deletion of the pod", delete_pod, repeats=False),
    Scenario("eviction", evict, repeats=False, changes={"backoffLimit": 0}),
    Scenario("drain of the node", drain, repeats=False, alone=True, changes={"backoffLimit": 0}),
    Scenario(
        "preemption",
        preempt,
        repeats=False,
        alone=True,
        changes={"backoffLimit": 0, "resources__limits": {**GPUS, "memory": "3Gi"}},
    ),
    Scenario("suspend, then resume", suspend, jobs=2, times=2, repeats=False, changes={"backoffLimit": 0}),
    Scenario("out of memory", out_of_memory, holds=_says_memory, changes={"resources__limits": {"memory": MEMORY}}),
    Scenario("hang of the main thread", hang, changes={"training__stallSeconds": STALL_SECONDS}),
    Scenario("full disk", fill_disk, around=partial(node.small_volume, volume="scratch", size=VOLUME)),
    Scenario("clock that jumps an hour on and back", jump, changes={"image": faketime.IMAGE}),
)
