"""A machine with far more work than cores, beside which the operator must keep its lease and a training must go on.

`python -m tests.faults load` runs this scenario alone, on the local cluster.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from epochal_operator.runtime.leader import RENEW_DEADLINE_SECONDS

from tests.faults.disturbed_training import Bed, now
from tests.faults.scenario import Outcome, Trial, slug
from tests.faults.user_faults import OperatorState, lease

BUSY_SECONDS = 180.0
BURN = "while True: pass"


@dataclass(frozen=True)
class BusyMachine:
    """Processes that use all of the CPU, as other work on a node may, outside of Kubernetes and so beside its shares.

    Args:
        per_core: Busy processes for each core: 8 give a load of 16 on two cores.
        name: What the table calls it.
        alone: Whether nothing else may run meanwhile.
    """

    per_core: int = 8
    name: str = "load of 8 processes a core"
    alone: bool = True

    def trials(self) -> list[Trial]:
        return [Trial(slug(self.name), 1, self._run)]

    def _run(self, bed: Bed) -> Outcome:
        reference, before = bed.reference(), OperatorState.now()
        with bed.train("loaded") as training:
            training.wait_part(0.1)
            began = now()
            with busy(self.per_core * (os.cpu_count() or 1)):
                silences = _silences(BUSY_SECONDS)
                load = os.getloadavg()[0]
                reported = _silence((training.namespace.status("loaded").get("progress") or {})["lastReportTime"])
            ended = now()
            differences = training.results().differences(reference)
            cost = training.cost(began, ended)
        print(
            f"      {self.name}: load {load:.0f}; the longest time without a renewal of the lease was "
            f"{max(silences):.1f} s of {RENEW_DEADLINE_SECONDS:.0f} s; the last report came {reported:.0f} s before",
            flush=True,
        )
        wrong = [fault for fault in bed.audit.faults if fault.startswith("loaded")] + before.differences()
        return Outcome((cost,), tuple(differences), tuple(wrong))


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Runs processes that use all of the CPU."""
    running = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def _silences(seconds: float) -> list[float]:
    """Returns the time since the last renewal of the lease, once a second for some time."""
    found, end = list[float](), time.monotonic() + seconds
    while time.monotonic() < end:
        found.append(_silence(lease()["renewTime"]))
        time.sleep(1)
    return found


def _silence(text: str) -> float:
    """Returns the seconds since a time, RFC 3339. The operator runs on this machine, so both have one clock."""
    return (datetime.now(UTC) - datetime.fromisoformat(text)).total_seconds()


SCENARIOS = (BusyMachine(),)
