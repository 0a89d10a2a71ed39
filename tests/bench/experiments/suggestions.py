"""How long suggestions take with many trials known: by a process of their own, as the operator asks, and by Optuna."""

import asyncio
import json
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from epochal_api.experiment.spec import MAX_TRIALS
from epochal_operator.experiment.ledger.events import Created, Event, Finished
from epochal_operator.experiment.search.build_request import request
from epochal_operator.experiment.search.request import Request, Response
from epochal_operator.experiment.search.searcher_pool import COMMAND, Searcher
from epochal_operator.experiment.search.suggest import suggest
from epochal_operator.experiment.search_space.space import Space

from tests.bench.experiments.curves import Curves, read
from tests.bench.experiments.search import ASHA, EPOCHS, experiment, spec_of
from tests.bench.figures import Figure, spread
from tests.bench.turns import abba
from tests.kit.kubectl import Object

KNOWN = 1000
ROUNDS = 6
GOALS = {1: 1.0, 100: 4.0}
"""Seconds that so many suggestions may take."""
ALONE = Path(__file__).parent / "optuna_alone.py"
RUNGS = (1, 3, 9, EPOCHS)
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_PEAK = """\
import runpy, sys
runpy.run_module("epochal_operator.experiment.search", run_name="__main__")
sys.stderr.write(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
"""


def questions() -> tuple[Request, Request]:
    """Returns what is asked with 1,000 trials known, a third of each rung higher: one suggestion, and a hundred."""
    document = experiment("Random", ASHA, trials=MAX_TRIALS, parallelism=100)
    spec, template = spec_of(document), document["spec"]["template"]["spec"]
    space = Space.of(spec.parameters)
    curves = Curves(read([one.name for one in spec.parameters]), space)
    ledger: list[Event] = []
    for one in suggest(request(spec, template, (), range(KNOWN))).suggestions:
        ledger.append(Created(one.trial, one.parameters, 0))
        curve, reached = curves.of(one.parameters), sum(one.trial % 3**power == 0 for power in range(len(RUNGS)))
        for rung, epoch in enumerate(RUNGS[:reached]):
            if (value := curve.best(epoch)) is not None:
                ledger.append(Finished(one.trial, rung, epoch, repr(value), f"{one.trial}-r{rung}", 1, epoch == EPOCHS))
    searched = spec_of(experiment("TPE", ASHA, trials=MAX_TRIALS, parallelism=100))
    single, many = (request(searched, template, ledger, range(KNOWN, KNOWN + count)) for count in GOALS)
    return single, many


def suggestions() -> list[Figure]:
    """Measures one suggestion and a hundred, by the child process and by Optuna alone, in turn."""
    asked = questions()
    given = json.dumps(_natively(asked[0]))
    ours: dict[int, list[float]] = {count: [] for count in GOALS}
    theirs: list[dict[str, float]] = []
    for _, who in abba(ROUNDS):
        if who == "theirs":
            theirs.append(json.loads(_run(sys.executable, str(ALONE), given=given).stdout))
            continue
        for count, question in zip(GOALS, asked, strict=True):
            began = time.perf_counter()
            answer = asyncio.run(_asked(question))
            ours[count].append(time.perf_counter() - began)
            assert len(answer.suggestions) == count
    alone = {1: [one["one"] for one in theirs], 100: [one["hundred"] for one in theirs]}
    imports, peak = spread([one["import"] for one in theirs]), max(one["megabytes"] for one in theirs)
    figure = partial(_figure, beside=f"and {imports} its import, {peak:.0f} MB")
    return [*(figure(count, ours[count], alone[count]) for count in GOALS), _memory(asked[1], peak)]


async def _asked(question: Request) -> Response:
    """Returns the answer of a process that is begun for one question."""
    searcher = Searcher()
    try:
        return await searcher.ask(question)
    finally:
        await searcher.close()


def _figure(count: int, ours: list[float], alone: list[float], *, beside: str) -> Figure:
    goal, asked = GOALS[count], "one suggestion" if count == 1 else f"{count} suggestions in one call"
    return Figure(
        f"{asked} with {KNOWN} trials known, the child's process and start included",
        f"Optuna alone in one process: {spread(alone)}, {beside}",
        spread(ours),
        f"under {goal:g} s",
        max(ours) < goal,
    )


def _memory(question: Request, alone: float) -> Figure:
    code = (COMMAND[0], "-c", _PEAK)
    peak = int(_run(*code, given=question.model_dump_json()).stderr.rsplit("\n", 1)[-1]) / 1000
    return Figure("memory of the child process at its peak", f"Optuna alone: {alone:.0f} MB", f"{peak:.0f} MB")


def _run(*command: str, given: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | _ONE_THREAD
    return subprocess.run(command, input=given, check=True, text=True, capture_output=True, env=environment)


def _natively(question: Request) -> list[Object]:
    """Returns the known trials as Optuna has them: with numbers for texts."""
    domains = Space.of(question.parameters).domains
    return [
        {
            "state": known.state,
            "parameters": {name: domains[name].parse(text) for name, text in known.parameters.items()},
            "values": known.values,
        }
        for known in question.known
        if known.values
    ]
