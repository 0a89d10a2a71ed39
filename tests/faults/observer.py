"""What becomes of a job's trainers, seen from their node: no API server is asked, as that may be what is broken."""

import re
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

from epochal_api.trainingjob.report import decode_termination

from tests.kit import operator

STATE = Path("/var/lib/epochal-cluster")
LOGS = STATE / "logs" / "pods"
PODS = STATE / "kubelet" / "pods"
EVERY = 0.05
FOUND_SECONDS = 60
"""Longer than it takes from the log of a container to its process."""

_LENGTH = re.compile(r"Training: (\d+) epochs? of (\d+) steps?")
_WENT_ON = re.compile(r"Going on from (?:the end of )?epoch (\d+)(?:, step (\d+))?")
_EPOCH = re.compile(r"Epoch +(\d+)/\d+  (?:step (\d+)/\d+)?")


@dataclass
class Run:
    """A trainer from the start of its container to its end.

    Args:
        pod: Its pod.
        uid: The pod's uid.
        began: When its container started, in seconds since 1970.
    """

    pod: str
    uid: str
    began: float
    pid: int | None = None
    """Its process, once it was found."""
    ended: float | None = None
    """When its process was gone."""
    lines: list[tuple[float, str]] = field(default_factory=list)
    """What it logged, and when."""
    steps: list[tuple[float, int]] = field(default_factory=list)
    """How many steps of the training were finished, and when that was seen."""
    per_epoch: int = 0
    """Steps of an epoch, once it has told."""
    epochs: int = 0
    """Epochs of the training, once it has told."""
    went_on_from: int = 0
    """Steps that were finished when it began to train."""
    read: float | None = None
    """When it had read a checkpoint, if it has."""

    @property
    def done(self) -> int:
        """Steps of the training that were finished when it was last seen."""
        return self.steps[-1][1] if self.steps else self.went_on_from

    def first_step(self, after: float = 0.0) -> float | None:
        """Returns when it was first seen to have made a step of its own since a time, or None."""
        before = max([self.went_on_from, *(done for at, done in self.steps if at <= after)])
        return next((at for at, done in self.steps if at > after and done > before), None)

    def went_on(self) -> float | None:
        """Returns when it made its first step, or where none was left to make, when it had found that out; or None."""
        nothing_left = self.per_epoch and self.went_on_from == self.epochs * self.per_epoch
        return self.read if nothing_left else self.first_step()

    def said(self, at: float, text: str) -> None:
        """Takes a line of its log."""
        self.lines.append((at, text))
        if found := _LENGTH.search(text):
            self.epochs, self.per_epoch = int(found[1]), int(found[2])
        elif found := _WENT_ON.search(text):
            # In the midst of an epoch it is the running one that is named, else the last one that was finished.
            finished = int(found[1]) - (1 if found[2] else 0)
            self.went_on_from, self.read = self._count(finished, int(found[2] or 0)), at
        elif found := _EPOCH.search(text):
            running = int(found[1]) - 1
            self.reached(at, *((running, int(found[2])) if found[2] else (running + 1, 0)))

    def reached(self, at: float, epoch: int, step: int) -> None:
        """Takes a position: finished epochs, and finished steps of the running one."""
        done = self._count(epoch, step)
        if done > self.done:
            self.steps.append((at, done))

    def _count(self, epoch: int, step: int) -> int:
        return epoch * self.per_epoch + step


class Observer:
    """Watches the trainers of one job, from the files that the kubelet and containerd keep for them.

    Args:
        namespace: Namespace of the job.
        name: Name of the job.
    """

    def __init__(self, namespace: str, name: str) -> None:
        self.runs: list[Run] = []
        self._pattern = f"{namespace}_{name}-?????_*"
        self._read: dict[str, int] = {}
        self._words: dict[str, str] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"observer of {name}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(EVERY):
            self._look()

    def _look(self) -> None:
        known = {run.uid for run in self.runs}
        for folder in LOGS.glob(self._pattern):
            _, pod, uid = folder.name.split("_")
            if uid not in known and (log := folder / "trainer" / "0.log").exists():
                self.runs.append(Run(pod, uid, log.stat().st_ctime))
        for run in self.runs:
            if run.ended is None:
                self._read_log(run)
                self._read_words(run)
                self._look_at_process(run)

    def _read_log(self, run: Run) -> None:
        for log in LOGS.glob(f"*_{run.uid}/trainer/*.log"):
            try:
                with log.open() as file:
                    file.seek(self._read.get(run.uid, 0))
                    whole, _, _ = file.read().rpartition("\n")
            except FileNotFoundError:  # the pod is deleted
                return
            if whole:
                self._read[run.uid] = self._read.get(run.uid, 0) + len(whole.encode()) + 1
            for line in whole.splitlines():
                at, _, _, text = line.split(" ", 3)
                run.said(datetime.fromisoformat(at).timestamp(), text)

    def _read_words(self, run: Run) -> None:
        for file in (PODS / run.uid / "containers" / "trainer").glob("*"):
            try:
                text = file.read_text(errors="replace")
            except OSError:
                continue
            if text != self._words.get(run.uid):
                self._words[run.uid] = text
                words = decode_termination(text)
                if words and words.position and run.per_epoch:
                    run.reached(time.time(), words.position.epoch, words.position.step)

    def _look_at_process(self, run: Run) -> None:
        if run.pid is None:
            try:
                run.pid = operator.process_of(run.uid)
            except ValueError:
                # One that is never found began and ended between two looks.
                run.ended = time.time() if time.time() - run.began > FOUND_SECONDS else None
        elif not Path(f"/proc/{run.pid}").exists():
            self._read_log(run)
            self._read_words(run)
            run.ended = time.time()
