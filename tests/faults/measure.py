"""A bed for trainings, and the scenarios tried in it."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.faults.disturbed_training import Bed
from tests.faults.scenario import Outcome, Scenario, Trial, Tryable
from tests.faults.table import Row
from tests.kit import buckets
from tests.kit.audit import Audit
from tests.kit.jobs import DIGITS, Namespace, digits_file
from tests.kit.kubectl import apply, kubectl

LANES = 2
"""Trainings of scenarios that are not `alone` run side by side, so many at a time."""
LOGS = Path(tempfile.gettempdir()) / "epochal-faults"
_began = time.monotonic()


def say(text: str) -> None:
    minutes, seconds = divmod(int(time.monotonic() - _began), 60)
    print(f"{minutes:2}:{seconds:02}  {text}", flush=True)


def log(name: str, text: str) -> Path:
    """Writes a long text to a log file and returns its path."""
    LOGS.mkdir(exist_ok=True)
    file = LOGS / f"{name}.log"
    file.write_text(text)
    return file


@contextmanager
def bed(name: str, *, epochs: int, outage: float | None = None, seed: int | None = None) -> Iterator[Bed]:
    """Makes a namespace and fills the buckets.

    Args:
        name: The namespace, which is made anew, and deleted in the end.
        epochs: How many epochs a training takes.
        outage: Seconds that each fault of the storage takes; as long as it says itself if not given.
        seed: Chooses the moments; the time if none is given.
    """
    seed = int(time.time()) if seed is None else seed
    say(f"seed {seed}")
    store = buckets.connect()
    with tempfile.TemporaryDirectory() as folder:
        buckets.fill(store, DIGITS["spec"]["data"]["bucket"], [digits_file(Path(folder))])
    buckets.fill(store, DIGITS["spec"]["results"]["bucket"], [])
    kubectl("delete", "namespace", name, "--ignore-not-found", "--wait")
    apply(*buckets.namespace_with_credentials(name, *buckets.credentials()))
    with Audit(name) as audit:
        yield Bed(Namespace(name), store, audit, epochs=epochs, seed=seed, outage=outage)
    kubectl("delete", "namespace", name, "--wait=false")


def once(scenario: Scenario) -> Scenario:
    return replace(scenario, jobs=1, times=1)


def measure(scenarios: Sequence[Tryable], bed: Bed, lanes: int = LANES) -> list[Row]:
    """Tries scenarios: those that are not `alone` side by side, then the others one by one."""
    bed.reference()
    made: dict[str, Outcome] = {}
    trials = {scenario.name: scenario.trials() for scenario in scenarios}

    def make(one: Trial) -> None:
        say(f"  {one.name} ...")
        made[one.name] = outcome = one.make(bed)
        lines = [*outcome.wrong, *(outcome.differences or ())[:3]]
        if outcome.traceback_text:
            lines.append(f"see {log(one.name, outcome.traceback_text)}")
        say("\n      ".join([f"{'✗' if lines else '✓'} {one.name}", *lines]))

    with ThreadPoolExecutor(lanes) as pool:
        list(pool.map(make, (trial for scenario in scenarios if not scenario.alone for trial in trials[scenario.name])))
    for scenario in scenarios:
        if scenario.alone:
            for one in trials[scenario.name]:
                make(one)
    return [Row(name, tuple(made[item.name] for item in each)) for name, each in trials.items()]
