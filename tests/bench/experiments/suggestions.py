"""Duration of suggestions with many known trials: by a process of their own, as the operator runs it, and by Optuna."""

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
from epochal_operator.experiment.search.build_request import build_request
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


def suggest_requests() -> tuple[Request, Request]:
    """Returns requests with 1,000 known trials, a third of them in each higher rung: for one suggestion and for 100."""
    document = experiment("Random", ASHA, trials=MAX_TRIALS, parallelism=100)
    spec, template = spec_of(document), document["spec"]["template"]["spec"]
    space = Space.of(spec.parameters)
    curves = Curves(read([parameter.name for parameter in spec.parameters]), space)
    ledger: list[Event] = []
    for suggestion in suggest(build_request(spec, template, (), range(KNOWN))).suggestions:
        ledger.append(Created(suggestion.trial, suggestion.parameters, 0))
        curve, reached = (
            curves.of(suggestion.parameters),
            sum(suggestion.trial % 3**power == 0 for power in range(len(RUNGS))),
        )
        for rung, epoch in enumerate(RUNGS[:reached]):
            if (value := curve.best(epoch)) is not None:
                ledger.append(
                    Finished(
                        suggestion.trial, rung, epoch, repr(value), f"{suggestion.trial}-r{rung}", 1, epoch == EPOCHS
                    )
                )
    searched = spec_of(experiment("TPE", ASHA, trials=MAX_TRIALS, parallelism=100))
    single, many = (build_request(searched, template, ledger, range(KNOWN, KNOWN + count)) for count in GOALS)
    return single, many


def suggestions() -> list[Figure]:
    """Measures one suggestion and a hundred, by the child process and by Optuna alone, in turn."""
    asked = suggest_requests()
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
    alone = {1: [item["one"] for item in theirs], 100: [item["hundred"] for item in theirs]}
    imports, peak = spread([item["import"] for item in theirs]), max(item["megabytes"] for item in theirs)
    figure = partial(_figure, baseline=f"and {imports} its import, {peak:.0f} MB")
    return [*(figure(count, ours[count], alone[count]) for count in GOALS), _memory(asked[1], peak)]


async def _asked(question: Request) -> Response:
    """Returns the answer of a process that is started for one request."""
    searcher = Searcher()
    try:
        return await searcher.ask(question)
    finally:
        await searcher.close()


def _figure(count: int, ours: list[float], alone: list[float], *, baseline: str) -> Figure:
    goal, asked = GOALS[count], "one suggestion" if count == 1 else f"{count} suggestions in one call"
    return Figure(
        f"{asked} with {KNOWN} trials known, the child's process and start included",
        f"Optuna alone in one process: {spread(alone)}, {baseline}",
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
    """Returns the known trials in Optuna's own form: with numbers for texts."""
    domains = Space.of(question.parameters).domains
    return [
        {
            "state": known.state,
            "parameters": {name: domains[name].parse(text) for name, text in known.parameters.items()},
            "values": known.values,
        }
        for known in question.known_trials
        if known.values
    ]
