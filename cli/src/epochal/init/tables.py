"""Converts CSV tables to arrays. A feature column of words becomes a column of 0 and 1 for each word."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from epochal_api.text import printable
from numpy.typing import NDArray

from epochal.csv_number import parse_number, resembles_number
from epochal.errors import EpochalError
from epochal.init.description import Task
from epochal.sentences import counted, listed

MAX_FILE_BYTES = 2**30
MAX_ARRAY_BYTES = 2**30
"""Maximum bytes of the array of features. Larger data are refused."""
MAX_COLUMNS = 10_000
MAX_WORDS = 64
"""Maximum number of different words in a feature column. A column with more words is left out: it has names or IDs."""
MAX_CLASSES = 1000
"""Maximum number of classes: different values in the column of labels. A column with more is refused, unless its labels
are numbers to predict."""
_MAX_CELL = 128 * 1024
_HEAD_BYTES = 64 * 1024
_DELIMITERS = ",;\t|"
_LABEL_NAMES = ("label", "labels", "class", "target", "y")
"""Usual names of the column of labels. Without a column of such a name, the last column has the labels."""
_VALUES_OF_CLASSES = 0.1
"""Maximum ratio of different values to rows, for whole numbers in the column of labels that are classes."""
_MISSING_LABELS = frozenset({"", "?", "na", "n/a", "nan", "null"})
_MISSING = _MISSING_LABELS | {"none", "inf", "-inf"}


class Table(NamedTuple):
    """The arrays of a table or of photographs for an npz file.

    Args:
        arrays: `x` and `y`, `feature_names` for a table, and `class_names` if the labels are classes.
        notes: Sentences for the user, such as which rows and columns were left out.
    """

    arrays: dict[str, NDArray[Any]]
    notes: Sequence[str]


@dataclass
class _Column:
    """A column of a table: the number of each different value, and whether all values are numbers or whole numbers."""

    name: str
    words: Counter[str] = field(default_factory=Counter)
    is_numeric: bool = True
    is_whole: bool = True
    has_number: bool = False
    has_word: bool = False
    unclear: tuple[int, str] | None = None
    """Row and value of the first cell that Python reads as a number, but `parse_number` refuses."""

    @property
    def is_usable(self) -> bool:
        """Whether the column can be a feature: it has only numbers, or at most MAX_WORDS different words."""
        return self.is_numeric or len(self.words) <= MAX_WORDS

    def add(self, row: int, text: str, number: float | None, most: int) -> None:
        """Add a value to the column. After more than `most` different values, new values are no longer recorded."""
        if number is not None:
            self.has_number = True
        elif not resembles_number(text):
            self.has_word = True
        elif self.unclear is None:
            self.unclear = row, text
        self.is_numeric = self.is_numeric and number is not None
        self.is_whole = self.is_whole and number is not None and number.is_integer()
        if len(self.words) <= most or text in self.words:
            self.words[text] += 1


class _CsvFormat(NamedTuple):
    """The format of a CSV file: its delimiter, and whether the decimal mark of its numbers is a comma."""

    delimiter: str
    has_decimal_comma: bool

    def number(self, text: str) -> float | None:
        """Parse a text as a number with the decimal mark of the file. Return None if it is no finite number."""
        return parse_number(text.replace(",", ".") if self.has_decimal_comma else text)


class _Survey(NamedTuple):
    """The result of the first pass over a table.

    Args:
        columns: The columns of the table.
        target: Index of the column with the labels.
        complete: Number of rows with a value in each column.
        left_out: Number of other rows.
    """

    columns: Sequence[_Column]
    target: int
    complete: int
    left_out: int


def read_table(path: Path, label: str | None = None, task: Task | None = None) -> Table:
    """Convert a CSV table with a heading to arrays.

    Args:
        path: The CSV file.
        label: Name of the column with the labels. Default: a usual name such as `label`, or else the last column.
        task: The task of the labels. Default: classes or numbers by the values of the column.

    Raises:
        EpochalError: If the file is no table with a heading, is too large, or its labels do not fit `task`.
    """
    if path.stat().st_size > MAX_FILE_BYTES:
        raise EpochalError(
            f"{path} must have at most {MAX_FILE_BYTES / 2**30:.0f} GiB", "Convert it to npz: see docs/tables.md."
        )
    form = _detect_form(path)
    survey = _survey(path, form, label)
    features = [index for index in range(len(survey.columns)) if index != survey.target]
    used = [index for index in features if survey.columns[index].is_usable]
    notes = []
    if survey.left_out:
        notes.append(f"Left out: {counted(survey.left_out, 'row')} with empty or too few cells.")
    if without := [survey.columns[index].name for index in features if not survey.columns[index].is_usable]:
        notes.append(f"Left out: columns with more than {MAX_WORDS} different words, {listed(without)}.")
    label_name = listed([survey.columns[survey.target].name])
    notes.append(f"The label is the column {label_name}: --label names another one.")
    return Table(_arrays(path, form, survey, used, task), notes)


def _survey(path: Path, form: _CsvFormat, label: str | None) -> _Survey:
    """Read all rows of a table once, and return its columns and the number of complete rows."""
    with _rows(path, form) as rows:
        heading = _heading(next(rows, (1, []))[1], path)
        target = _label_index(heading, label, path)
        columns = [_Column(name) for name in heading]
        count = left_out = 0
        for number, row in rows:
            if not _is_complete(row, heading, target):
                left_out += 1
                continue
            count += 1
            for index, (column, text) in enumerate(zip(columns, row, strict=True)):
                column.add(number, text, form.number(text), MAX_CLASSES if index == target else MAX_WORDS)
    if not count:
        raise EpochalError(
            f"{path} has no row below its heading that has a value in each column", "Fill the empty cells."
        )
    for column in columns:
        if column.unclear and column.has_number and not column.has_word:
            row_number, text = column.unclear
            raise EpochalError(
                f"{path}: row {row_number}, column {listed([column.name])}: found {printable(text)[:100]!r}, expected "
                "a number such as 1000, -0.5 or 1e-3, as in the other rows",
                "Correct the value, or leave the cell empty to leave out the row.",
            )
    return _Survey(columns, target, count, left_out)


def _detect_form(path: Path) -> _CsvFormat:
    """Detect the delimiter and the decimal mark of a CSV file from its first lines."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        head = file.read(_HEAD_BYTES)
    lines = head.splitlines()[:50]
    first = lines[0] if lines else ""
    delimiter = max(_DELIMITERS, key=first.count)
    if not first.count(delimiter):
        raise EpochalError(
            f"{path} is no table: its first line has none of the delimiters , ; | and tab",
            "Write a table with a heading, a row for each sample and a column for each feature.",
        )
    has_comma = delimiter == ";" and any(re.search(r"(^|;)-?\d+,\d+(;|$)", line) for line in lines[1:])
    return _CsvFormat(delimiter, has_comma)


@contextmanager
def _rows(path: Path, form: _CsvFormat) -> Iterator[Iterator[tuple[int, list[str]]]]:
    """Yield the rows that are not empty, each with its row number, which starts at 1 and counts empty rows."""
    csv.field_size_limit(_MAX_CELL)  # a limit of the process, which another reader may have changed
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=form.delimiter, skipinitialspace=True)
            yield ((number, [cell.strip() for cell in row]) for number, row in enumerate(reader, 1) if row)
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise EpochalError(f"cannot read {path}: {error}", "Write it as CSV in UTF-8.") from None


def _heading(row: list[str], path: Path) -> list[str]:
    if not 2 <= len(row) <= MAX_COLUMNS:  # noqa: PLR2004 - a feature and the label
        raise EpochalError(
            f"{path} must have 2 to {MAX_COLUMNS:,} columns, found {len(row):,}",
            "Convert it to npz: see docs/tables.md.",
        )
    if all(_CsvFormat(",", has_decimal_comma=False).number(cell) is not None for cell in row):
        raise EpochalError(
            f"{path} has no heading: its first line has only numbers",
            "Write the names of the columns into the first line.",
        )
    return row


def _label_index(heading: list[str], label: str | None, path: Path) -> int:
    if label is not None:
        if label not in heading:
            raise EpochalError(f"{path} has no column {label!r}, only {listed(heading)}", "Give --label NAME.")
        return heading.index(label)
    usual = [index for index, name in enumerate(heading) if name.lower() in _LABEL_NAMES]
    return usual[-1] if usual else len(heading) - 1


def _is_complete(row: list[str], heading: list[str], target: int) -> bool:
    """Return whether a row has a value in each column.

    The word none means a missing value in a feature column, but is a valid class in the column of labels.
    """
    return (
        len(row) == len(heading)
        and row[target].lower() not in _MISSING_LABELS
        and not any(cell.lower() in _MISSING for index, cell in enumerate(row) if index != target)
    )


def _arrays(
    path: Path, form: _CsvFormat, survey: _Survey, used: Sequence[int], task: Task | None
) -> dict[str, NDArray[Any]]:
    """Read the complete rows of a table again, and return the arrays for an npz file."""
    columns, count, target = survey.columns, survey.complete, survey.target
    words = {index: sorted(columns[index].words) for index in used if not columns[index].is_numeric}
    names = list[str]()
    for index in used:
        name = columns[index].name
        names += [f"{name}={word}" for word in words[index]] if index in words else [name]
    if not names or count * len(names) * 4 > MAX_ARRAY_BYTES:
        raise EpochalError(
            f"{path} has {count:,} rows and {len(names):,} columns of features: it must have at most "
            f"{MAX_ARRAY_BYTES / 2**30:.0f} GiB of numbers, and at least one column",
            "Leave columns or rows out.",
        )
    classes = _classes(columns[target], count, task, form, path)
    class_indices = {word: place for place, word in enumerate(classes or ())}
    positions = {index: {word: place for place, word in enumerate(words[index])} for index in words}
    x = np.zeros((count, len(names)), "float32")
    y = np.zeros(count, "int64" if classes is not None else "float32")
    with _rows(path, form) as rows:
        heading = next(rows)[1]
        complete = (row for _, row in rows if _is_complete(row, heading, target))
        for line, row in zip(range(count), complete, strict=False):
            place = 0
            for index in used:
                if index in positions:
                    x[line, place + positions[index][row[index]]] = 1
                    place += len(positions[index])
                else:
                    x[line, place] = form.number(row[index])
                    place += 1
            y[line] = class_indices[row[target]] if classes is not None else form.number(row[target])
    arrays: dict[str, NDArray[Any]] = {"x": x, "y": y, "feature_names": np.array(names)}
    if classes is not None:
        arrays["class_names"] = np.array(classes)
    return arrays


def _classes(column: _Column, count: int, task: Task | None, form: _CsvFormat, path: Path) -> list[str] | None:
    """Return the sorted names of the classes in the column of labels, or None if its values are numbers to predict."""
    values = len(column.words)
    may_be_classes = column.is_whole and values <= max(2, _VALUES_OF_CLASSES * count)
    if column.is_numeric and (task == "numbers" or (task is None and not may_be_classes)):
        return None
    if task == "numbers" or not 2 <= values <= MAX_CLASSES:  # noqa: PLR2004 - classes
        must = "numbers" if task == "numbers" else f"2 to {MAX_CLASSES:,} different values"
        found = "texts" if task == "numbers" else f"{values:,}{' or more' if values > MAX_CLASSES else ''}"
        raise EpochalError(
            f"{path}: the column {listed([column.name])} must have {must} as labels, found {found}",
            "Name another column: --label NAME.",
        )
    return sorted(column.words, key=lambda word: (form.number(word) or 0.0, word))
