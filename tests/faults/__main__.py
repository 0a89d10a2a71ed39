"""`make faults`: breaks the local cluster and what runs in it on purpose, and writes RESULTS.md."""

import argparse
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.figures import table as figures_table
from tests.faults import of_cluster, of_operator, of_storage, of_trainer
from tests.faults.scenario import Trial, Try, Tryable, slug
from tests.faults.table import Row, goals, table
from tests.faults.training import Bed
from tests.kit import buckets
from tests.kit.audit import Audit
from tests.kit.jobs import DIGITS, Namespace, digits_file
from tests.kit.kubectl import apply, kubectl

RESULTS = Path(__file__).parent / "RESULTS.md"
NAMESPACE = "faults"
EPOCHS = 30
LANES = 2
"""Trainings that are disturbed at a time, of those that disturb nobody else."""
SCENARIOS: tuple[Tryable, ...] = (
    *of_trainer.SCENARIOS,
    *of_cluster.SCENARIOS,
    *of_storage.SCENARIOS,
    *of_operator.SCENARIOS,
)
_began = time.monotonic()


def say(text: str) -> None:
    """Prints a line with the time since the start."""
    minutes, seconds = divmod(int(time.monotonic() - _began), 60)
    print(f"{minutes:2}:{seconds:02}  {text}", flush=True)


@contextmanager
def bed(seed: int, outage: float, epochs: int = EPOCHS) -> Iterator[Bed]:
    """Makes a namespace and fills the buckets."""
    store = buckets.connect()
    with tempfile.TemporaryDirectory() as folder:
        buckets.fill(store, DIGITS["spec"]["data"]["bucket"], [digits_file(Path(folder))])
    buckets.fill(store, DIGITS["spec"]["results"]["bucket"], [])
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait")
    apply(*buckets.namespace_with_credentials(NAMESPACE, *buckets.credentials()))
    with Audit(NAMESPACE) as audit:
        chance = random.Random(seed)  # noqa: S311 - the moments are to be the same again
        yield Bed(Namespace(NAMESPACE), store, audit, epochs=epochs, chance=chance, outage=outage)
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def measure(scenarios: Sequence[Tryable], bed: Bed) -> Iterable[Row]:
    """Tries scenarios: those that disturb nobody else side by side, then the others one by one."""
    made: dict[str, Trial] = {}
    tries = {scenario.name: scenario.tries() for scenario in scenarios}

    def make(one: Try) -> None:
        say(f"  {one.name} ...")
        made[one.name] = trial = one.make(bed)
        told = [*trial.wrong, *(trial.differences or ())[:3]]
        say("\n      ".join([f"{'✓' if trial.survived and trial.identical else '✗'} {one.name}", *told]))

    with ThreadPoolExecutor(LANES) as pool:
        list(pool.map(make, (one for scenario in scenarios if not scenario.alone for one in tries[scenario.name])))
    for scenario in scenarios:
        if scenario.alone:
            for one in tries[scenario.name]:
                make(one)
    for name, each in tries.items():
        yield Row(name, tuple(one.times for one in each), tuple(made[one.name] for one in each))


def main() -> int:
    """Tries all scenarios, or those named, and writes the table."""
    names = {slug(scenario.name): scenario for scenario in SCENARIOS}
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument(
        "scenarios", nargs="*", metavar="scenario", help=f"what to try, of {', '.join(names)}; default: all"
    )
    parser.add_argument("--seed", type=int, default=int(time.time()), help="chooses the moments; default: the time")
    parser.add_argument("--outage", type=float, default=60, help="seconds of the long outage of MinIO; default: 60")
    arguments = parser.parse_args()
    chosen = [
        scenario for name, scenario in names.items() if any(name.startswith(slug(part)) for part in arguments.scenarios)
    ]
    if arguments.scenarios and not chosen:
        parser.error(f"no scenario is called so; there are {', '.join(names)}")
    say(f"seed {arguments.seed}")
    with bed(arguments.seed, arguments.outage) as where:
        say("an undisturbed training, twice ...")
        again = where.reference("again").differences(where.reference())
        assert not again, f"two undisturbed trainings differ: {again}"
        rows = list(measure(chosen or SCENARIOS, where))
        faults = where.audit.faults
    text = report(rows, arguments.seed)
    print(text)
    print("\n".join(faults))
    if not arguments.scenarios:
        RESULTS.write_text(text)
    return 0 if all(trial.survived and trial.identical for row in rows for trial in row.trials) else 1


def report(rows: Sequence[Row], seed: int) -> str:
    """Returns the results as Markdown."""
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    machine = f"{os.cpu_count()} cores, Linux {platform.release().split('-')[0]}, {platform.machine()}"
    return (
        f"# What `make faults` broke, and what became of it\n\n"
        f"{when}, {machine}, the local cluster; seed {seed}; median (least-greatest).\n\n"
        f"{figures_table(goals(rows))}\n{table(rows)}"
    )


if __name__ == "__main__":
    sys.exit(main())
