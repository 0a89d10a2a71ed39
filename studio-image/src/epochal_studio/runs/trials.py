"""The trials of an Experiment as a table: from its trials.csv, or the best ones from its status."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from epochal_studio.runs.values import count, items, mapping, readable, text
from epochal_studio.wire import Trials

MAX_TRIALS = 10_000
MAX_COLUMNS = 64
_MAX_CELL = 300
_MAX_ROW = 256 * 1024
"""Maximum characters of a row. A row of 8 MiB may have millions of cells, before the first ones are taken."""


def from_table(lines: Iterable[str]) -> Trials:
    """Return the trials in the lines of a trials.csv, which anybody with the keys of the bucket may have written."""
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
    """Return the best trials in the status of an Experiment with any content, best first."""
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
    """Yield the rows of a table.

    Raises:
        csv.Error: If one of them is too long, perhaps over several lines.
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
