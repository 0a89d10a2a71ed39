"""`make faults`: injects faults into the local cluster and its workloads, and writes RESULTS.md."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.figures import Figure
from tests.bench.figures import table as figures_table
from tests.bench.results import put, when_and_where
from tests.faults import (
    busy_machine,
    cluster_faults,
    operator_faults,
    search_scenarios,
    storage_faults,
    trainer_faults,
    upgrade,
    user_faults,
)
from tests.faults.measure import bed, measure, say
from tests.faults.scenario import Tryable, slug
from tests.faults.search_scenarios import SEARCHES, SearchScenario, measure_searches
from tests.faults.table import Row, goals, table

RESULTS = Path(__file__).parent / "RESULTS.md"
TITLE = "What `make faults` broke, and what became of it"
NAMESPACE = "faults"
EPOCHS = 30
SCENARIOS: tuple[Tryable, ...] = (
    *trainer_faults.SCENARIOS,
    *cluster_faults.SCENARIOS,
    *storage_faults.SCENARIOS,
    *operator_faults.SCENARIOS,
    *user_faults.SCENARIOS,
    *upgrade.SCENARIOS,
    *busy_machine.SCENARIOS,
)

LEGEND = """\
Each fault hits a training of digits (Dropout, BatchNormalization, Adam, ReduceLROnPlateau, EarlyStopping) at a random
time. The training survives if it completes, no status goes backwards and no Event is emitted twice. It is identical if
all variables of the model and of its optimizer, the history and the test metrics equal those of an undisturbed training
bit for bit. It continues with its first new step, or with its results if no step was left. The time counts from the end
of the fault, and is 0 if the training never stopped. If a fault hits a single trainer, two trainings share the machine.

Hostile ledgers and annotations are in another namespace than the training: ledgers of the largest size, which a cluster
administrator writes, Experiments that warm-start from them, and annotations of 200 KiB, which an editor of that
namespace writes. The training must take no longer than usual. The operator must not restart, must keep its lease, and
its memory must stay below its limit.

A load of 8 processes for each core lasts three minutes: the operator must not restart, and must keep its lease.
"""


def main() -> int:
    """Tries all scenarios, or those named, and writes the tables."""
    everything: tuple[Tryable | SearchScenario, ...] = (*SCENARIOS, *SEARCHES)
    names = {slug(item.name): item for item in everything}
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument(
        "scenarios", nargs="*", metavar="scenario", help=f"what to try, of {', '.join(names)}; default: all"
    )
    parser.add_argument("--seed", type=int, default=int(time.time()), help="chooses the moments; default: the time")
    parser.add_argument(
        "--outage", type=float, metavar="SECONDS", help="how long the storage is away; default: 15, and 60 for MinIO"
    )
    arguments = parser.parse_args()
    wanted = [slug(part) for part in arguments.scenarios] or [""]
    chosen = [one for name, one in names.items() if name.startswith(tuple(wanted))]
    if not chosen:
        parser.error(f"no scenario is called so; there are {', '.join(names)}")
    given = {"seed": arguments.seed, "epochs": EPOCHS, "outage": arguments.outage}
    figures, text = [], ""
    if scenarios := [item for item in chosen if not isinstance(item, SearchScenario)]:
        rows = _trainings(scenarios, **given)
        figures = goals(rows)
        if not arguments.scenarios:
            say("an operator that starts with very many jobs ...")
            figures.append(operator_faults.start_with_many(f"{NAMESPACE}-many"))
            say("an operator that starts beside Experiments with very many trials ...")
            figures.append(operator_faults.start_with_experiments(f"{NAMESPACE}-experiments"))
        text = report(rows, figures, arguments.seed)
    if searched := [item for item in chosen if isinstance(item, SearchScenario)]:
        rows = _searches(searched, **given)
        of_searches = search_scenarios.goals(rows)
        figures += of_searches
        text += (
            f"\n## Searches\n\n{search_scenarios.LEGEND}\n{figures_table(of_searches)}\n{search_scenarios.table(rows)}"
        )
    print("", text, sep="\n")
    if not arguments.scenarios:
        put(TITLE, text, RESULTS)
    return 0 if all(figure.met for figure in figures) else 1


def _trainings(scenarios: Sequence[Tryable], **given: Any) -> list[Row]:
    with bed(NAMESPACE, **given) as where:
        say("an undisturbed training, twice ...")
        differences = where.undisturbed("second").differences(where.reference())
        assert not differences, f"two undisturbed trainings differ: {differences}"
        rows = measure(scenarios, where)
        print("", *where.audit.faults, sep="\n")
    return rows


def _searches(tried: Sequence[SearchScenario], **given: Any) -> list[Row]:
    with bed(f"{NAMESPACE}-search", **given) as where:
        say("searches ...")
        rows = measure_searches(tried, where)
        print("", *where.audit.faults, sep="\n")
    return rows


def report(rows: Sequence[Row], figures: list[Figure], seed: int) -> str:
    return (
        f"{when_and_where()}, the local cluster; seed {seed}; median (least-greatest).\n\n{LEGEND}\n"
        f"{figures_table(figures)}\n{table(rows)}"
    )


if __name__ == "__main__":
    sys.exit(main())
