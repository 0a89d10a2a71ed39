"""Converts rows to a table for notebooks: a DataFrame if pandas is installed, otherwise a list of dicts."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from epochal.runs.history import History


def frame(rows: Sequence[Mapping[str, Any]], index: str) -> Any:
    """Return rows as a DataFrame with the column `index` as its index; without pandas, as a list of dicts."""
    if find_spec("pandas") is None:
        return [dict(row) for row in rows]
    import pandas as pd  # noqa: PLC0415 - an optional package

    table = pd.DataFrame([*rows])
    return table.set_index(index) if index in table.columns else table


def history_rows(history: History) -> list[dict[str, Any]]:
    """Return a row for each epoch that has a finite value. Other values of the row are None."""
    epochs = sorted({point.epoch for curve in history.curves.values() for point in curve})
    values = {name: dict(curve) for name, curve in history.curves.items()}
    return [{"epoch": epoch, **{name: known.get(epoch) for name, known in values.items()}} for epoch in epochs]


def parsed_rows(rows: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Convert the cells of CSV rows: texts of numbers to numbers, and empty cells to None."""
    return [{name: _parsed(text) for name, text in row.items()} for row in rows]


def _parsed(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text or None
