"""A bed for trainings, and the scenarios tried in it."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.faults.scenario import Outcome, Scenario, Trial, Tryable
from tests.faults.table import Row
from tests.faults.training import Bed
from tests.kit import buckets
from tests.kit.audit import Audit
from tests.kit.jobs import DIGITS, Namespace, digits_file
from tests.kit.kubectl import apply, kubectl

LANES = 2
"""Trainings that are disturbed at a time, of those that disturb nobody else."""
LOGS = Path(tempfile.gettempdir()) / "epochal-faults"
_began = time.monotonic()


def say(text: str) -> None:
    """Prints a line with the time since the start."""
    minutes, seconds = divmod(int(time.monotonic() - _began), 60)
    print(f"{minutes:2}:{seconds:02}  {text}", flush=True)


def log(name: str, text: str) -> Path:
    """Writes what is too long for the screen to a file of its own and returns its path."""
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
    """Returns a scenario that is tried once."""
    return replace(scenario, jobs=1, times=1)


def measure(scenarios: Sequence[Tryable], bed: Bed, lanes: int = LANES) -> list[Row]:
    """Tries scenarios: those that disturb nobody else side by side, then the others one by one.

    Args:
        scenarios: What to try.
        bed: Where.
        lanes: How many trainings at a time.
    """
    bed.reference()
    made: dict[str, Outcome] = {}
    trials = {scenario.name: scenario.trials() for scenario in scenarios}

    def make(one: Trial) -> None:
        say(f"  {one.name} ...")
        made[one.name] = outcome = one.make(bed)
        told = [*outcome.wrong, *(outcome.differences or ())[:3]]
        if outcome.told:
            told.append(f"see {log(one.name, outcome.told)}")
        say("\n      ".join([f"{'✓' if outcome.survived and outcome.identical else '✗'} {one.name}", *told]))

    with ThreadPoolExecutor(lanes) as pool:
        list(pool.map(make, (one for scenario in scenarios if not scenario.alone for one in trials[scenario.name])))
    for scenario in scenarios:
        if scenario.alone:
            for one in trials[scenario.name]:
                make(one)
    return [Row(name, tuple(made[one.name] for one in each)) for name, each in trials.items()]
