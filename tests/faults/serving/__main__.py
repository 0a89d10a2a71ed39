"""`make faults`: injects faults into servers while requests come, and writes a part of RESULTS.md."""

import argparse
import sys
from pathlib import Path
from typing import Protocol

from tests.bench.figures import table as figures_table
from tests.bench.results import put, when_and_where
from tests.faults.measure import log, say
from tests.faults.scenario import slug
from tests.faults.serving import pod_faults, request_faults, source_faults
from tests.faults.serving.bed import REPLICAS, Bed, bed
from tests.faults.serving.overload import Overload
from tests.faults.serving.scenario import Outcome
from tests.faults.serving.table import goals, table

RESULTS = Path(__file__).parents[1] / "RESULTS.md"
NAMESPACE = "faults-serving"
LEGEND = f"""\
Each fault hits a server of the network of digits.yaml with {REPLICAS} pods. Meanwhile {pod_faults.CONNECTIONS}
connections send requests to its Service, each with another image. The server survives a fault if each request gets the
model's answer to its image, and the server is Ready at the end. Lost requests were accepted and not answered. A killed
pod loses its requests: their clients see a closed connection. Until Kubernetes has noticed the end of the pod, further
connections are refused.

The last three faults have a server of their own, with one pod. Hostile requests come from several clients, without
end, beside the plain requests that the table counts. Each plain request must be answered within a second. The server
must not restart, and its memory must stay below its limit. A stopped server has a full queue when it gets SIGSTOP for
{request_faults.STOPPED_SECONDS} s, and its clients leave meanwhile. A second after SIGCONT no request may be refused.
"""


class Tryable(Protocol):
    @property
    def name(self) -> str:
        """What the table calls it."""

    def make(self, bed: Bed) -> Outcome:
        """Makes it."""


SCENARIOS: tuple[Tryable, ...] = (
    *pod_faults.SCENARIOS,
    *source_faults.SCENARIOS,
    Overload(),
    *request_faults.SCENARIOS,
)


def main() -> int:
    """Tries all scenarios, or those named, and writes the table."""
    names = {slug(scenario.name): scenario for scenario in SCENARIOS}
    parser = argparse.ArgumentParser(prog="python -m tests.faults.serving", description=__doc__)
    parser.add_argument(
        "scenarios", nargs="*", metavar="scenario", help=f"what to try, of {', '.join(names)}; default: all"
    )
    wanted = parser.parse_args().scenarios
    chosen = [one for name, one in names.items() if not wanted or name.startswith(tuple(map(slug, wanted)))]
    if not chosen:
        parser.error(f"no scenario is called so; there are {', '.join(names)}")
    outcomes: list[Outcome] = []
    say("a server ...")
    with bed(NAMESPACE) as where:
        for scenario in chosen:
            say(f"  {scenario.name} ...")
            outcome = scenario.make(where)
            seen = [*outcome.wrong] if outcome.wrong else [outcome.notes]
            if outcome.trace:
                seen.append(f"see {log(slug(outcome.name), outcome.trace)}")
            say("\n      ".join([f"{'✗' if outcome.wrong else '✓'} {outcome.name}", *seen]))
            outcomes.append(outcome)
    figures = goals(outcomes)
    text = f"{when_and_where()}, the local cluster.\n\n{LEGEND}\n{figures_table(figures)}\n{table(outcomes)}"
    print("", text, sep="\n")
    if not wanted:
        put("What `make faults` broke of servers, and what became of the requests", text, RESULTS)
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
