"""Compares runs: the fields of their specs that differ, and the figures (metrics) of their results."""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from epochal.runs.comparison import Run, compare, job_run
from epochal.runs.flattening import Limits
from epochal_api.text import printable

from epochal_studio.access import Access
from epochal_studio.bodies import kind_of
from epochal_studio.runs.layers import spec_of
from epochal_studio.runs.values import mapping, readable, text
from epochal_studio.wire.common import RunKey
from epochal_studio.wire.results import MAX_FIELDS, ComparedRun, Comparison

CONNECTIONS = 4
"""Runs that are read at the same time: fewer than MAX_USER_CALLS, so that the user's other requests do not wait."""
MAX_PATHS = 5000
"""Maximum fields of one spec that are compared."""
MAX_ALL_PATHS = 100_000
"""Maximum fields of all specs of a comparison."""
MAX_CHARACTERS = 4 * 2**20
"""Maximum characters of the paths and values of all specs. In the answer, the names of all fields have the same limit,
and the names of all figures too. Each name counts once for each run, because the answer repeats it."""
_MAX_FIGURES = 100
_MAX_PATH = 200
_MAX_VALUE = 500


async def read_comparison(access: Access, keys: Sequence[RunKey]) -> Comparison:
    """Read runs with the user's token, and return their comparison."""
    slots = asyncio.Semaphore(CONNECTIONS)

    async def read(key: RunKey) -> Run:
        async with slots:
            return await access.in_thread(_read, access, key, len(keys))

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(read(key)) for key in keys]
    except ExceptionGroup as errors:  # the first error has ended the other requests
        raise errors.exceptions[0] from None
    runs = [task.result() for task in tasks]
    return await access.in_thread(comparison, keys, runs)


def comparison(keys: Sequence[RunKey], runs: Sequence[Run]) -> Comparison:
    """Return the comparison of runs that were read, for the page.

    Args:
        keys: The key of each run.
        runs: The fields and figures of each run, in the same order.
    """
    found = compare(runs)
    fields, figures = _within_limits(found.fields, len(runs)), _within_limits(found.figures, len(runs))
    return Comparison(
        runs=[
            ComparedRun(
                key=key,
                state=run.state,
                is_best=index == found.best,
                fields={path: run.fields.get(path) for path in fields},
                figures={name: run.figures.get(name) for name in figures},
                is_cut=run.is_cut,
            )
            for index, (key, run) in enumerate(zip(keys, runs, strict=True))
        ],
        fields=fields,
        figures=figures,
        omitted_fields=len(found.fields) - len(fields),
    )


def compared(found: Mapping[str, Any], runs: int = 1) -> Run:
    """Return the fields and figures of an object for a comparison. For an Experiment, the spec is its template's spec.

    Args:
        found: The object, with any content.
        runs: Number of runs in the comparison. Each has an equal part of the limits.
    """
    run = readable(found)
    document = run.document()
    name = text(run.metadata.get("name"))
    limits = Limits(_MAX_PATH, _MAX_VALUE, min(MAX_PATHS, MAX_ALL_PATHS // runs), MAX_CHARACTERS // runs)
    try:
        whole = job_run({**document, "spec": dict(spec_of(run.kind, run.spec))}, name, limits)
    except RecursionError:
        whole = job_run({**document, "spec": {}}, name)._replace(is_cut=True)
    whole = whole._replace(fields=_shortened(whole.fields), figures=_shortened(whole.figures, _MAX_FIGURES))
    best = mapping(run.status.get("best"))
    if run.kind != "Experiment" or not best:
        return whole
    objective = mapping(run.spec.get("objective"))
    metric, goal = text(objective.get("metric"), _MAX_PATH), objective.get("goal")
    figures = {f"best {metric}": text(best.get("value")), "best epoch": str(best.get("epoch") or "")}
    return whole._replace(
        figures=_shortened({name: value for name, value in figures.items() if value}),
        objective=(metric, "Max" if goal == "Maximize" else "Min") if metric and goal else None,
    )


def _read(access: Access, key: RunKey, runs: int) -> Run:
    return compared(access.cluster(key.namespace).get(kind_of(key), key.name, key.namespace), runs)


def _within_limits(names: Sequence[str], runs: int) -> list[str]:
    """Return the first names within the limits of a comparison: MAX_FIELDS, and MAX_CHARACTERS for all runs."""
    left = MAX_CHARACTERS // runs
    fitting: list[str] = []
    for name in names[:MAX_FIELDS]:
        left -= len(name)
        if left < 0:
            break
        fitting.append(name)
    return fitting


def _shortened(values: Mapping[str, str], most: int = MAX_PATHS) -> dict[str, str]:
    return {
        printable(name[:_MAX_PATH], instead=" "): printable(value[:_MAX_VALUE], instead=" ")
        for name, value in islice(values.items(), most)
    }
