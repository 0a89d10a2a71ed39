"""The trials of an Experiment as a table: all trials from trials.csv, or the best trials from the status."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from epochal_studio.runs.values import count, items, mapping, readable, text
from epochal_studio.wire.results import Trials

MAX_TRIALS = 10_000
MAX_COLUMNS = 64
_MAX_CELL = 300
_MAX_ROW = 256 * 1024
"""Maximum characters of a row. The csv module would parse millions of cells of a longer row before any is left out."""


def from_table(lines: Iterable[str]) -> Trials:
    """Return the trials in the lines of a trials.csv, which may have any content. An invalid table has no trials."""
    rows = _rows(lines)
    try:
        columns = _cells(next(rows, []))
        found = [_cells(row) for row in islice(rows, MAX_TRIALS + 1)]
    except csv.Error:
        columns, found = [], []
    width = len(columns)
    aligned = [[*row, *[""] * (width - len(row))][:width] for row in found[:MAX_TRIALS]]
    return Trials(columns=columns, rows=aligned, is_complete=bool(columns) and len(found) <= MAX_TRIALS)


def from_status(found: Mapping[str, Any]) -> Trials:
    """Return the best trials in an Experiment's status, best first. The object may have any content."""
    run = readable(found)
    ranked = items(run.status.get("top")) or [best for best in [mapping(run.status.get("best"))] if best]
    names = list(dict.fromkeys(str(name) for trial in ranked for name in mapping(trial.get("parameters"))))
    names = names[: MAX_COLUMNS - 5]
    columns = ["number", *(text(name, _MAX_CELL) for name in names), "value", "epoch", "job", "uri"]
    rows = [
        [
            str(count(trial.get("trial")) or 0),
            *(text(mapping(trial.get("parameters")).get(name), _MAX_CELL) for name in names),
            text(trial.get("value"), _MAX_CELL),
            "" if trial.get("epoch") is None else str(count(trial.get("epoch")) or 0),
            text(trial.get("jobName"), _MAX_CELL),
            text(trial.get("uri"), 2048),
        ]
        for trial in ranked
    ]
    created = count(mapping(run.status.get("trials")).get("created")) or 0
    return Trials(columns=columns, rows=rows, is_complete=created <= len(rows))


def _rows(lines: Iterable[str]) -> Iterator[list[str]]:
    """Yield the rows of a CSV table.

    Raises:
        csv.Error: If a row has more than _MAX_ROW characters. A row may have several lines.
    """
    size = 0

    def bounded() -> Iterator[str]:
        nonlocal size
        for line in lines:
            size += len(line)
            if size > _MAX_ROW:
                raise csv.Error("the row is too long")
            yield line.replace("\0", "")

    for row in csv.reader(bounded()):
        size = 0
        yield row


def _cells(row: Iterable[str]) -> list[str]:
    return [text(cell, 2048) for cell in islice(row, MAX_COLUMNS)]
