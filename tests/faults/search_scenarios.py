"""Searches with faults: the faults of each search, and their outcomes."""

import os
import random
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.bench.figures import Figure
from tests.faults.disturbed_search import DIVERGES, Search, learning, unhurried
from tests.faults.disturbed_training import Bed
from tests.faults.measure import log, say
from tests.faults.scenario import Outcome
from tests.faults.search_faults import (
    Course,
    Inject,
    delete_trial,
    evict,
    kill_leader,
    lose_storage,
    out_of_memory,
    restart_api_server,
    suspend,
    two_replicas,
)
from tests.faults.search_results import SearchResults
from tests.faults.table import Row
from tests.kit import buckets
from tests.kit.audit import Audit
from tests.kit.jobs import digits
from tests.kit.kubectl import items, kubectl, wait
from tests.kit.process import Process, installed_away

KILLED, NAN = "SIGKILL of the operator", "a trial whose loss is NaN"
KILLS = 50
WRITE_SECONDS = 8
"""How long to wait for an operator to write something, to end it right then."""
AFTER = 0.0, 2.0
"""Seconds from an operator's start to its end, in every other round."""
LEARNING = 6
"""Trials of the search that learns."""
FIRST_TRIALS = 6
"""Trials of the search that gets more after its end."""
CLASH_SECONDS = 120
GONE_SECONDS = 120
OWNED = ("trainingjobs", "jobs", "pods")

LEGEND = """\
Several faults hit the same search: 8 trials of digits, two at a time, with rungs after 4 and 12 epochs. Its Grid does
not learn, and promotions do not depend on the order in which trials end. So the trials, their parameters, the metrics
of all epochs and the best trial must equal those of an undisturbed search. While the operator is killed, in every other
round directly after a write, a search that learns (TPE) runs beside it. For each search: no two trials are equal, the
ledger only grows and contains the value of each rung, no epoch is trained twice (except those of a rung whose
TrainingJob a user deletes), `status.best` is the trial with the best value, no Event is emitted twice, and
`epochal-operator replay` computes the same suggestions.
"""


@dataclass(frozen=True)
class SearchScenario:
    """A search, how often it is hit by each fault, and a function that runs it."""

    name: str
    faults: Mapping[str, int]
    make: Callable[[Bed, SearchResults], Mapping[str, Outcome]]


def undisturbed(bed: Bed) -> SearchResults:
    search = Search(bed, "undisturbed")
    search.apply(unhurried(search.name))
    return search.left()


def measure_searches(tried: Sequence[SearchScenario], bed: Bed) -> list[Row]:
    """Runs the searches, one after another."""
    say("  an undisturbed search ...")
    reference = undisturbed(bed)
    wrong = [*reference.faults(), *_of_nan(reference), *_audited(bed, "undisturbed")]
    rows = [_row(NAN, Outcome(differences=(), wrong=tuple(wrong)))]
    for item in tried:
        say(f"  {item.name} ...")
        try:
            made = item.make(bed, reference)
        except Exception as error:  # noqa: BLE001 - a search that fails is a result, too
            error_text = f"{type(error).__name__}: {error}".partition("\n")[0]
            say(f"see {log(item.name, traceback.format_exc())}")
            made = {name: Outcome(wrong=(error_text,), times=times) for name, times in item.faults.items()}
        rows += [_row(name, outcome) for name, outcome in made.items()]
    return rows


def _row(name: str, outcome: Outcome) -> Row:
    mark = "✓" if outcome.survived and outcome.identical else "✗"
    say("\n      ".join([f"{mark} {name}", *outcome.wrong, *(outcome.differences or ())[:3]]))
    return Row(name, (outcome,))


def _audited(bed: Bed, name: str) -> list[str]:
    return [fault for fault in bed.audit.faults if fault.startswith(name)]


def _of_nan(left: SearchResults) -> list[str]:
    """Returns the broken rules of the trial that diverges."""
    end, diverged = left.rungs[DIVERGES, 0].end, left.experiment["status"]["trials"]["diverged"]
    return (
        [] if (end, diverged) == ("NonFiniteLoss", 1) else [f"trial {DIVERGES} ended with {end}, diverged: {diverged}"]
    )


def _disturbed(
    name: str,
    faults: Mapping[str, Sequence[Inject]],
    around: Callable[[], AbstractContextManager[None]],
    bed: Bed,
    reference: SearchResults,
) -> Mapping[str, Outcome]:
    """Disturbs a search by several faults, one after the other."""
    search = Search(bed, name)
    course = Course(search, bed.chance(name))
    wrong: dict[str, list[str]] = {}
    with around():
        search.apply(unhurried(name))
        for fault, injections in faults.items():
            say(f"    {fault}")
            wrong[fault] = [found for inject in injections for found in inject(course)]
        left = search.left()
    shared = [*left.faults(deleted=course.deleted), *_of_nan(left), *_audited(bed, name)]
    differences = tuple(left.differences(reference))
    return {fault: Outcome((), differences, (*own, *shared), times=len(faults[fault])) for fault, own in wrong.items()}


def _operator_killed(bed: Bed, reference: SearchResults) -> Mapping[str, Outcome]:
    """Kills the operator again and again, while two searches go on."""
    steady, learns = Search(bed, "killed"), Search(bed, "learns")
    chance = bed.chance("killed")
    with installed_away(), tempfile.TemporaryDirectory() as folder:
        process = Process(Path(os.environ["KUBECONFIG"]), Path(folder) / "log", namespaces=(bed.namespace.name,))
        process.start()
        try:
            steady.apply(unhurried(steady.name))
            learns.apply(learning(learns.name, maxTrials=LEARNING))
            done = 0
            while done < KILLS and not (steady.ended() and learns.ended()):
                _kill(process, bed.audit, chance, at_write=done % 2 == 0)
                done += 1
            left, learned = steady.left(), learns.left()
        finally:
            process.stop()
        wrong = process.exceptions()
    wrong += [*left.faults(), *_of_nan(left), *_audited(bed, steady.name)]
    wrong += [*(f"the one that learns: {fault}" for fault in learned.faults()), *_audited(bed, learns.name)]
    return {KILLED: Outcome((), tuple(left.differences(reference)), tuple(wrong), times=done)}


def _kill(process: Process, audit: Audit, chance: random.Random, *, at_write: bool) -> None:
    """Kills the operator's process, right after it has written something or at any moment, and starts it again."""

    def written() -> tuple[int, list[str]]:
        versions = [search["metadata"]["resourceVersion"] for search in list(audit.searches.values())]
        return len(audit.history), versions

    if at_write:
        before = written()
        with suppress(TimeoutError):  # there may be nothing to write
            wait("something to be written", lambda: written() != before, seconds=WRITE_SECONDS, every=0.002)
    else:
        time.sleep(chance.uniform(*AFTER))
    process.kill()
    process.start()


TAKEN, MORE, DELETED = "a trial's name taken for a while", "more trials after the end", "deletion of the Experiment"


def _changed(bed: Bed, reference: SearchResults) -> Mapping[str, Outcome]:
    """Has a person take a trial's name, ask for more trials after the end, and delete the search."""
    search = Search(bed, "changed")
    taken = f"{search.name}-3-r0"
    search.namespace.apply(digits(taken, suspend=True))
    search.apply(unhurried(search.name, maxTrials=FIRST_TRIALS))
    say(f"    {TAKEN}")
    search.wait(
        "the clash to be told", lambda: search.condition("Ready").get("reason") == "NameConflict", CLASH_SECONDS
    )
    time.sleep(bed.chance(search.name).uniform(*AFTER))
    kubectl("delete", "tj", taken, "--namespace", bed.namespace.name)
    first = search.left()
    say(f"    {MORE}")
    search.patch(maxTrials=len({trial for trial, _ in reference.rungs}))
    search.wait("it to go on", lambda: not search.ended())
    left = search.left()
    undone = [f"after its end: {found}" for found in left.differences(first, more=True) if "the best is" not in found]
    shared = [*left.faults(), *_of_nan(left), *_audited(bed, search.name)]
    differences = tuple(left.differences(reference, more=True))
    say(f"    {DELETED}")
    lost = _delete(search, left)
    return {
        TAKEN: Outcome((), differences, (*first.faults(), *shared)),
        MORE: Outcome((), differences, (*undone, *shared)),
        DELETED: Outcome((), differences, tuple(lost)),
    }


def _delete(search: Search, left: SearchResults) -> list[str]:
    """Deletes a search, and returns the objects that should be gone, or should remain, and do not."""
    uris = {name: one["status"]["results"]["uri"] for name, one in search.trainings().items()}
    kubectl("delete", "exp", search.name, "--namespace", search.namespace.name)

    def own() -> list[str]:
        found = [item["metadata"]["name"] for kind in OWNED for item in items(kind, namespace=search.namespace.name)]
        return [name for name in found if name.startswith(f"{search.name}-")]

    with suppress(TimeoutError):
        wait("all of it to be gone", lambda: not own(), seconds=GONE_SECONDS)
    complete = [place for place, rung in left.rungs.items() if rung.value is not None]
    lost = [place for place in complete if "model.keras" not in buckets.objects(search.bed.store, uris[place])]
    return [f"{name} is left" for name in own()] + [f"the results of {place} are gone" for place in lost]


def _searches() -> tuple[SearchScenario, ...]:
    of_trials: Mapping[str, Sequence[Inject]] = {
        "a trial deleted by hand": [delete_trial],
        "eviction of a trial's pod": [evict],
        "a trial out of memory": [out_of_memory],
        "suspended, then resumed": [suspend],
        "storage away": [lose_storage],
    }
    cluster_faults: Mapping[str, Sequence[Inject]] = {
        "two replicas, the leader killed": [kill_leader, kill_leader],
        "API server away": [restart_api_server],
    }
    return (
        SearchScenario("search with its operator killed", {KILLED: KILLS}, _operator_killed),
        *(
            SearchScenario(
                what, {fault: len(each) for fault, each in faults.items()}, partial(_disturbed, name, faults, around)
            )
            for what, name, faults, around in (
                ("search in a cluster in trouble", "cluster", cluster_faults, two_replicas),
                ("search with trials in trouble", "trials", of_trials, nullcontext),
            )
        ),
        SearchScenario("search that a person changes", dict.fromkeys((TAKEN, MORE, DELETED), 1), _changed),
    )


SEARCHES = _searches()
HEAD = ("fault of a search", "tried", "survived", "trials, their figures and the best as undisturbed")


def table(rows: Sequence[Row]) -> str:
    cells = [(row.name, str(row.tried), str(row.survived), "yes" if row.identical else "no") for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in (HEAD, ("---",) * len(HEAD), *cells))


def goals(rows: Sequence[Row]) -> list[Figure]:
    """Returns the goals of all searches together, and whether they are met."""
    tried, survived = sum(row.tried for row in rows), sum(row.survived for row in rows)
    identical = sum(row.identical for row in rows)
    same = "faults after which trials, figures and the best are those of an undisturbed search"
    return [
        Figure("faults of searches survived", "", f"{survived} of {tried}", "all", survived == tried),
        Figure(same, "", f"{identical} of {len(rows)} kinds", "all", identical == len(rows)),
    ]
